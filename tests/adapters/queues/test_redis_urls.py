"""URLs of Redis, and a server that was demoted."""

import pytest

from orak.adapters.redis.link import RedisLink
from orak.adapters.redis.sentinel_url import SentinelUrl
from orak.application.ports.failures import Unavailable
from orak.entrypoints.settings.checks import InvalidSetting
from orak.entrypoints.settings.sources import shown_value
from orak.entrypoints.settings.values import Settings


@pytest.mark.parametrize(
    ("url", "parsed"),
    [
        (
            "redis+sentinel://one:1,two/orak",
            SentinelUrl([("one", 1), ("two", 26379)], "orak", "redis://sentinel/0", {}),
        ),
        (
            "rediss+sentinel://me:p%40w@[::1]:7,[::2]/or%20ak/3?sentinel_password=x&ssl_cert_reqs=none",
            SentinelUrl(
                [("::1", 7), ("::2", 26379)],
                "or ak",
                "rediss://me:p%40w@sentinel/3?ssl_cert_reqs=none",
                {"password": "x"},
            ),
        ),
        ("redis://one/0", None),
    ],
)
def test_a_sentinel_url_names_sentinels_service_and_database(url, parsed):
    assert SentinelUrl.parse(url) == parsed


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://one",
        "redis+sentinel:///orak",
        "redis+sentinel://one:port/orak",
        "redis+sentinel://one:70000/orak",
        "redis+sentinel://one/orak/first",
        "redis+sentinel://one,/orak",
    ],
)
def test_a_sentinel_url_that_cannot_be_used_is_refused(url):
    with pytest.raises(InvalidSetting, match="REDIS_URL"):
        Settings(redis_url=url)


def test_passwords_of_a_sentinel_url_are_masked():
    shown = shown_value("redis_url", "redis+sentinel://me:hush@one,two/orak?sentinel_password=hush")
    assert shown == "redis+sentinel://me:********@one,two/orak?sentinel_password=********"


async def test_connections_to_a_demoted_server_end(own_redis):
    async with RedisLink.open(own_redis.url, "Redis") as link:
        before = await link.call(link.client.client_id)
        with own_redis.client() as operator:
            operator.replicaof("127.0.0.1", "1")
            with pytest.raises(Unavailable):
                await link.call(lambda: link.client.set("key", "value"))
            operator.replicaof("NO", "ONE")
            assert str(before) not in [client["id"] for client in operator.client_list()]
