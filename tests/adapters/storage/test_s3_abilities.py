"""What a store can do is found out, and followed."""

import asyncio
import os
import socket
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest
from msgspec.structs import replace

from aws_server import REGION
from orak.adapters.clock.frozen import FrozenClock
from orak.adapters.clock.system import SystemClock
from orak.adapters.storage import s3, s3_probe
from orak.adapters.storage.abilities import Condition, OriginAccess
from orak.adapters.storage.s3 import S3Storage
from orak.adapters.storage.s3_bucket import BucketSettings
from orak.adapters.storage.s3_probe import PROBES
from orak.adapters.storage.s3_transfers import PART
from orak.application.ports.failures import Unavailable
from orak.domain.identity import ObjectKey
from s3_servers import KEYS, an_s3_server
from store_fronts import a_front, conditional_gets, conditional_puts, multipart

KEY = ObjectKey("recordings/0c0f4a1e_take.webm")
TYPE = "audio/webm"
PAGE, OTHER_PAGE = "https://app.example.com", "https://other.example.com"


@pytest.fixture
def bucket(s3_server):
    return s3_server.new_bucket()


@pytest.fixture
def front(s3_server):
    with a_front(s3_server.port) as front:
        yield front


def presign(storage, *, create_only=True):
    return storage.presign_put(
        KEY, content_type=TYPE, content_length=3, create_only=create_only, life=timedelta(minutes=5)
    )


async def put(signed, content=b"abc"):
    async with httpx.AsyncClient() as client:
        return (await client.put(signed.url, headers=dict(signed.headers), content=content)).status_code


@asynccontextmanager
async def opened(bucket, *origins):
    """Open a store; yield it and what it can do."""
    async with S3Storage.open(bucket, SystemClock()) as storage:
        yield storage, await storage.learn(origins)


async def test_a_store_that_ignores_the_condition_is_not_asked_for_it(bucket):
    async with opened(bucket) as (storage, found):
        assert found.create_only is Condition.IGNORED
        signed = presign(storage)
        assert dict(signed.headers) == {"Content-Type": TYPE}
        assert await put(signed) == 200


async def test_a_store_that_refuses_the_condition_is_not_asked_for_it(front, bucket):
    front.refuses = conditional_puts
    async with opened(front.before(bucket)) as (storage, found):
        assert found.create_only is Condition.REFUSED
        assert await put(presign(storage)) == 200


async def test_a_store_that_enforces_the_condition_is_asked_for_it(front, bucket):
    front.enforces_create_only = True
    async with opened(front.before(bucket)) as (storage, found):
        assert found.create_only is Condition.ENFORCED
        signed = presign(storage)
        assert dict(signed.headers) == {"Content-Type": TYPE, "If-None-Match": "*"}
        assert [await put(signed), await put(signed)] == [200, 412]
        assert "If-None-Match" not in presign(storage, create_only=False).headers


async def test_the_abilities_of_moto_are_found(aws_server):
    """moto checks no signature, so it binds no length."""
    bucket = BucketSettings(aws_server.new_bucket(), REGION, aws_server.url, credentials=KEYS)
    async with opened(bucket) as (_, found):
        pass
    assert found.create_only is Condition.ENFORCED
    assert found.pinned_reads is Condition.ENFORCED
    assert (found.ranges, found.multipart, found.binds_length) == (True, True, False)


async def test_the_abilities_of_rclone_are_found(bucket):
    async with opened(bucket) as (_, found):
        pass
    assert found.pinned_reads is Condition.IGNORED
    assert (found.ranges, found.multipart, found.binds_length) == (False, True, True)


async def test_a_probe_leaves_nothing_behind(bucket, s3_server):
    folder = s3_server.folder / bucket.bucket
    client = s3_server.client
    for name, age in (("old", 7200), ("young", 0)):
        client.put_object(Bucket=bucket.bucket, Key=f"{PROBES}{name}-leftover", Body=b"x")
        path = folder / f"{PROBES}{name}-leftover"
        os.utime(path, (path.stat().st_mtime - age,) * 2)
    async with opened(bucket) as (storage, _):
        assert [found.key async for found in storage.list("")] == [f"{PROBES}young-leftover"]
        assert [found async for found in storage.unfinished(SystemClock().now() + timedelta(days=1))] == []


@pytest.mark.parametrize("enforces", [True, False])
async def test_a_repeated_probe_removes_what_an_interrupted_one_left(front, bucket, enforces):
    front.enforces_create_only = enforces
    async with S3Storage.open(front.before(bucket), SystemClock()) as storage:
        front.refuses = lambda request: request.command == "DELETE" and "uploadId" not in request.path
        first = await storage.learn(())
        assert len([found async for found in storage.list(PROBES)]) == 1
        front.refuses = lambda _: False
        assert not first.deletes
        assert await storage.learn(()) == replace(first, deletes=True)
        assert [found async for found in storage.list("")] == []


async def test_a_store_that_never_answers_does_not_keep_orak_from_starting(bucket, monkeypatch):
    monkeypatch.setattr(s3, "_START_WAIT", 0.1)
    monkeypatch.setattr(s3_probe, "_REMOVE_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        async with (
            asyncio.timeout(30),
            S3Storage.open(replace(bucket, endpoint_url=url), SystemClock(), learns=True) as storage,
        ):
            assert storage.abilities is None


async def test_the_rules_of_a_bucket_for_pages_are_found(front, bucket):
    front.origins = [PAGE]
    async with opened(front.before(bucket), PAGE, OTHER_PAGE, "null") as (storage, found):
        assert found.origins == (
            OriginAccess(PAGE, may_upload=True, may_read=True),
            OriginAccess(OTHER_PAGE, may_upload=False, may_read=False),
            OriginAccess("null", may_upload=False, may_read=False),
        )
        front.origins = ["*"]
        opened_to_all = (await storage.learn(("*", "null"))).origins
        assert [access.may_read and access.may_upload for access in opened_to_all] == [True, True]


async def test_a_bucket_must_allow_the_header_of_the_condition_only_where_it_is_signed(front, bucket):
    front.origins, front.allowed = [PAGE], "content-type"
    async with opened(front.before(bucket), PAGE) as (storage, found):
        assert found.origins[0].may_upload
        front.enforces_create_only = True
        assert not (await storage.learn([PAGE])).origins[0].may_upload


async def test_a_store_that_is_down_at_the_start_is_probed_when_it_is_back(tmp_path):
    clock = FrozenClock(SystemClock().now())
    with an_s3_server(tmp_path) as server, a_front(server.port, enforces_create_only=True) as front:
        bucket = front.before(server.new_bucket())
        server.kill()
        async with S3Storage.open(bucket, clock, learns=True) as storage:
            assert storage.abilities is None
            assert "If-None-Match" not in presign(storage).headers
            server.start()
            deadline = asyncio.get_running_loop().time() + 20
            while storage.abilities is None:
                assert asyncio.get_running_loop().time() < deadline
                clock.advance(timedelta(seconds=400))
                await asyncio.sleep(0.05)
            assert "If-None-Match" in presign(storage).headers


async def test_a_missing_bucket_is_unavailable_rather_than_unable(s3_server):
    async with S3Storage.open(s3_server.settings("no-such-bucket"), SystemClock()) as storage:
        with pytest.raises(Unavailable):
            await storage.learn(())


async def test_a_store_without_multipart_gets_a_large_file_in_one_put(front, bucket, tmp_path):
    """Also a store that supported it when it was probed."""
    content = os.urandom(PART + 1)
    (tmp_path / "source").write_bytes(content)
    async with opened(front.before(bucket)) as (storage, found):
        assert found.multipart
        front.refuses = multipart
        assert not (await storage.learn(())).multipart
        await storage.publish(KEY, tmp_path / "source", content_type=TYPE)
        info = await storage.head(KEY)
        assert (info.size, info.content_type) == (len(content), TYPE)
        await storage.download(KEY, etag=info.etag, to=tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == content


async def test_a_store_without_conditional_gets_is_read_all_the_same(front, bucket, tmp_path):
    (tmp_path / "source").write_bytes(b"la la")
    front.refuses = conditional_gets
    async with opened(front.before(bucket)) as (storage, found):
        assert found.pinned_reads is Condition.REFUSED
        await storage.publish(KEY, tmp_path / "source", content_type=TYPE)
        info = await storage.head(KEY)
        await storage.download(KEY, etag=info.etag, to=tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == b"la la"


@pytest.mark.parametrize(("method", "ability"), [("GET", "get"), ("DELETE", "delete")])
async def test_a_store_that_refuses_what_orak_needs_is_reported(front, bucket, method, ability):
    async with S3Storage.open(front.before(bucket), SystemClock()) as storage:
        front.refuses = lambda request: request.command == method and "?uploads" not in request.path
        abilities = (await storage.learn(())).described()
        absent = [one.name for one in abilities if one.is_vital and not one.is_present]
        front.refuses = lambda _: False
        await storage.learn(())  # removes what a refused DELETE left
    assert absent == [ability]
