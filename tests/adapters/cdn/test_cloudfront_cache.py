from collections import Counter

import pytest

from orak.adapters.cdn.cloudfront_cache import CloudFrontCache
from orak.application.ports.failures import Unavailable

KEYS = ["published/u/1_내_노래.m4a", "published/u/1_내_노래.json"]
SONG = "%EB%82%B4_%EB%85%B8%EB%9E%98"


@pytest.fixture
def distribution(aws_server):
    return aws_server.new_distribution()


async def test_the_paths_are_those_of_the_public_urls(aws_server, distribution):
    base = "https://cdn.example.com/media/"
    async with CloudFrontCache.open(aws_server.config, distribution, base) as cache:
        await cache.check()
        await cache.invalidate(KEYS, "a reference")
    [found] = aws_server.invalidations(distribution)
    assert found["Paths"]["Items"] == [
        f"/media/published/u/1_{SONG}.json",
        f"/media/published/u/1_{SONG}.m4a",
    ]


async def test_a_repeated_call_has_the_same_reference_and_another_one_another(aws_server, distribution):
    async with CloudFrontCache.open(aws_server.config, distribution, "https://cdn.example.com") as cache:
        for keys, reference in (
            (KEYS, "first"),
            ([*reversed(KEYS), KEYS[0]], "first"),
            (["published/u/*"], "first"),
            (KEYS, "second"),
        ):
            await cache.invalidate(keys, reference)
    found = aws_server.invalidations(distribution)
    both = [batch["CallerReference"] for batch in found if batch["Paths"]["Quantity"] == 2]
    [other] = [batch["CallerReference"] for batch in found if batch["Paths"]["Items"] == ["/published/u/*"]]
    assert sorted(Counter(both).values()) == [1, 2]
    assert other not in both


async def test_many_keys_take_several_calls(aws_server, distribution):
    keys = [f"published/u/{number}_take.m4a" for number in range(2001)]
    async with CloudFrontCache.open(aws_server.config, distribution, "https://cdn.example.com") as cache:
        await cache.invalidate(keys, "a reference")
        await cache.invalidate([], "a reference")
    found = aws_server.invalidations(distribution)
    assert sorted(batch["Paths"]["Quantity"] for batch in found) == [1, 1000, 1000]
    assert {path for batch in found for path in batch["Paths"]["Items"]} == {f"/{key}" for key in keys}


async def test_a_distribution_that_does_not_exist_is_unavailable(aws_server):
    async with CloudFrontCache.open(aws_server.config, "E1NONE", "https://cdn.example.com") as cache:
        with pytest.raises(Unavailable, match="CloudFront answered 404"):
            await cache.invalidate(KEYS, "a reference")
