"""S3 storage where no other store is like it: foreign clients, large objects, servers that fail."""

import asyncio
import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace

from orak.adapters.clock.frozen import FrozenClock
from orak.adapters.clock.system import SystemClock
from orak.adapters.storage.s3 import S3Storage
from orak.adapters.storage.s3_transfers import PART
from orak.application.ports.failures import Unavailable
from orak.application.ports.public_media import IMMUTABLE
from orak.application.ports.storage import ObjectChanged
from orak.domain.identity import ObjectKey
from s3_servers import a_bad_line, an_s3_server

KEY = ObjectKey("recordings/0c0f4a1e_노래 +()!*'~%25.webm")
TYPE = "audio/webm;codecs=opus"
LIFE = timedelta(minutes=5)


@pytest.fixture
def bucket(s3_server):
    return s3_server.new_bucket()


@pytest.fixture
async def storage(bucket):
    async with S3Storage.open(bucket, SystemClock()) as storage:
        yield storage


def presign(storage, *, create_only=False, key=KEY):
    return storage.presign_put(key, content_type=TYPE, content_length=3, create_only=create_only, life=LIFE)


async def by_httpx(url, headers, content):
    async with httpx.AsyncClient() as client:
        return (await client.put(url, headers=headers, content=content)).status_code


async def by_curl(url, headers, content):
    arguments = [argument for name, value in headers.items() for argument in ("-H", f"{name}: {value}")]
    curl = await asyncio.create_subprocess_exec(
        "curl", "-s", "-o", os.devnull, "-w", "%{http_code}", "-X", "PUT", "--data-binary", "@-", *arguments,
        url,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    said, _ = await curl.communicate(content)
    return int(said)


async def by_urllib3(url, headers, content):
    import urllib3  # noqa: PLC0415 - what boto3 and requests send with

    def put():
        with urllib3.PoolManager() as pool:
            return pool.request("PUT", url, headers=dict(headers), body=content).status

    return await asyncio.to_thread(put)


@pytest.fixture(params=[by_httpx, by_curl, by_urllib3])
def put(request):
    return request.param


@pytest.mark.parametrize("create_only", [True, False])
async def test_foreign_clients_upload_with_what_they_are_told(storage, put, create_only):
    signed = presign(storage, create_only=create_only)
    assert await put(signed.url, signed.headers, b"abc") == 200
    info = await storage.head(KEY)
    assert (info.size, info.content_type) == (3, TYPE)
    async with httpx.AsyncClient() as client:
        read = await client.get(storage.presign_get(KEY, life=LIFE).url)
    assert (read.status_code, read.content, read.headers["content-type"]) == (200, b"abc", TYPE)


async def test_the_content_type_alone_is_enough_to_send(storage, put):
    assert await put(presign(storage).url, {"Content-Type": TYPE}, b"abc") == 200


@pytest.mark.parametrize(
    ("content", "content_type", "change"),
    [
        (b"abcd", TYPE, ("", "")),
        (b"ab", TYPE, ("", "")),
        (b"xyz", "audio/webm", ("", "")),
        (b"xyz", "text/html", ("", "")),
        (b"xyz", TYPE, ("0c0f4a1e", "0c0f4a1f")),
        (b"xyz", TYPE, ("X-Amz-Expires=300", "X-Amz-Expires=3000")),
    ],
    ids=["longer", "shorter", "other type", "evil type", "other key", "longer life"],
)
async def test_whatever_was_not_signed_is_refused_and_changes_nothing(
    storage, put, content, content_type, change
):
    signed = presign(storage)
    assert await put(signed.url, signed.headers, b"abc") == 200
    before = await storage.head(KEY)
    assert await put(signed.url.replace(*change), {"Content-Type": content_type}, content) == 403
    assert await storage.head(KEY) == before
    assert [found.key async for found in storage.list("")] == [KEY]


async def test_a_header_that_was_signed_has_to_be_sent(storage, put):
    signed = presign(storage, create_only=True)
    assert await put(signed.url, {"Content-Type": TYPE}, b"abc") == 403
    assert await storage.head(KEY) is None


async def test_a_signed_get_is_for_nothing_else(storage, put):
    url = storage.presign_get(KEY, life=LIFE).url
    assert await put(url, {"Content-Type": TYPE}, b"abc") == 403


async def test_what_another_s3_client_stores_and_reads_is_the_same(storage, bucket, s3_server, tmp_path):
    s3_server.client.put_object(Bucket=bucket.bucket, Key=KEY, Body=b"abc", ContentType=TYPE)
    info = await storage.head(KEY)
    assert (info.size, info.content_type) == (3, TYPE)
    (tmp_path / "source").write_bytes(b"abcd")
    await storage.publish(KEY, tmp_path / "source", content_type="audio/mp4")
    read = s3_server.client.get_object(Bucket=bucket.bucket, Key=KEY)
    assert (read["Body"].read(), read["ContentType"]) == (b"abcd", "audio/mp4")


async def test_a_large_file_goes_in_parts_and_comes_back(storage, tmp_path):
    content = os.urandom(PART + 1)
    (tmp_path / "source").write_bytes(content)
    await storage.publish(KEY, tmp_path / "source", content_type="audio/mp4")
    info = await storage.head(KEY)
    assert (info.size, info.content_type) == (len(content), "audio/mp4")
    await storage.download(KEY, etag=info.etag, to=tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == content


async def test_an_upload_in_parts_that_fails_leaves_no_parts(storage, bucket, tmp_path):
    (tmp_path / "source").write_bytes(bytes(PART + 1))
    async with a_bad_line(bucket, most_sent=1_000_000) as bad, S3Storage.open(bad, SystemClock()) as over:
        with pytest.raises(Unavailable):
            await over.publish(KEY, tmp_path / "source", content_type="audio/mp4")
    assert await storage.head(KEY) is None
    assert [found async for found in storage.unfinished(datetime.now(UTC) + LIFE)] == []


async def test_parts_of_a_killed_writer_are_found_and_removed_when_they_are_old(storage, bucket, s3_server):
    begun = s3_server.client.create_multipart_upload(Bucket=bucket.bucket, Key=KEY)
    s3_server.client.create_multipart_upload(Bucket=bucket.bucket, Key="backups/not-ours")
    now = datetime.now(UTC)
    assert [found async for found in storage.unfinished(now - LIFE)] == []
    (found,) = [found async for found in storage.unfinished(now + LIFE)]
    assert (found.key, found.handle) == (KEY, begun["UploadId"])
    await storage.abandon(found)
    await storage.abandon(found)
    assert [found async for found in storage.unfinished(now + LIFE)] == []


async def test_a_list_goes_on_over_its_pages(storage, bucket, s3_server, monkeypatch):
    for number in range(7):
        s3_server.client.put_object(Bucket=bucket.bucket, Key=f"recordings/{number:020}", Body=b"x")
    call = storage._bucket.call
    monkeypatch.setattr(storage._bucket, "call", lambda operation, **rest: call(operation, MaxKeys=3, **rest))
    found = [found.key async for found in storage.list("recordings/")]
    assert found == [f"recordings/{number:020}" for number in range(7)]


async def test_public_media_is_a_url_that_anyone_can_follow(storage, tmp_path):
    (tmp_path / "source").write_bytes(b"la la")
    key = ObjectKey("published/0c0f4a1e/1_노래.m4a")
    await storage.publish(key, tmp_path / "source", content_type="audio/mp4")
    led = await storage.open_public(key)
    async with httpx.AsyncClient() as client:
        read = await client.get(led.get, headers={"Range": "bytes=3-4"})
        assert read.content == b"la"  # with a 200 from rclone, a 206 from others
        head = await client.head(led.head)
        assert (head.status_code, head.headers["content-length"]) == (200, "5")
        assert head.headers.get("cache-control", IMMUTABLE) == IMMUTABLE  # rclone keeps none
    assert led.kept < timedelta(hours=1)


async def test_a_body_that_breaks_off_goes_on_where_it_broke(storage, bucket, tmp_path):
    content = os.urandom(2_000_000)
    (tmp_path / "source").write_bytes(content)
    await storage.publish(KEY, tmp_path / "source", content_type="audio/mp4")
    info = await storage.head(KEY)
    async with a_bad_line(bucket, most_received=900_000) as bad, S3Storage.open(bad, SystemClock()) as over:
        await over.download(KEY, etag=info.etag, to=tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == content
        await storage.publish(KEY, tmp_path / "copy", content_type="audio/mp4")


async def test_a_download_that_cannot_be_finished_leaves_no_file(storage, bucket, tmp_path):
    (tmp_path / "source").write_bytes(bytes(2_000_000))
    await storage.publish(KEY, tmp_path / "source", content_type="audio/mp4")
    info = await storage.head(KEY)
    async with a_bad_line(bucket, most_received=100_000) as bad, S3Storage.open(bad, SystemClock()) as over:
        with pytest.raises(Unavailable):
            await over.download(KEY, etag=info.etag, to=tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


async def test_calls_leave_no_connection_and_no_descriptor_behind(storage, tmp_path):
    (tmp_path / "source").write_bytes(bytes(500_000))

    async def idempotency_key(number):
        key = ObjectKey(f"recordings/take-number-{number}.webm")
        await storage.publish(key, tmp_path / "source", content_type=TYPE)
        info = await storage.head(key)
        await storage.download(key, etag=info.etag, to=tmp_path / f"{number}")
        with pytest.raises(ObjectChanged):
            await storage.download(key, etag='"other"', to=tmp_path / "none")
        given_up = asyncio.create_task(storage.download(key, etag=info.etag, to=tmp_path / "given-up"))
        await asyncio.sleep(0.001 * (number % 5))
        given_up.cancel()
        await asyncio.wait([given_up])
        if not given_up.cancelled():  # the download was faster
            (tmp_path / "given-up").unlink()
        assert not (tmp_path / "given-up").exists()
        await storage.delete(key)
        assert await storage.head(key) is None

    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    await idempotency_key(0)
    before = descriptors()
    for number in range(1, 30):
        await idempotency_key(number)
    assert descriptors() <= before + 1
    assert not (tmp_path / "none").exists()


async def test_a_server_that_is_down_is_unavailable_until_it_is_back(tmp_path):
    (tmp_path / "source").write_bytes(b"la la")
    (tmp_path / "server").mkdir()
    with an_s3_server(tmp_path / "server") as server:
        bucket = server.new_bucket()
        server.kill()
        async with S3Storage.open(bucket, SystemClock()) as storage:
            calls = {
                "head": lambda: storage.head(KEY),
                "publish": lambda: storage.publish(KEY, tmp_path / "source", content_type=TYPE),
                "download": lambda: storage.download(KEY, etag='"e"', to=tmp_path / "copy"),
                "delete": lambda: storage.delete(KEY),
                "list": lambda: anext(storage.list("")),
            }
            for call in calls.values():
                with pytest.raises(Unavailable):
                    await call()
            assert not (tmp_path / "copy").exists()
            server.start()
            await storage.publish(KEY, tmp_path / "source", content_type=TYPE)
            assert (await storage.head(KEY)).size == 5
            server.kill()
            with pytest.raises(Unavailable):
                await storage.head(KEY)


async def test_keys_that_the_aws_chain_renews_sign_from_then_on(bucket, tmp_path, monkeypatch):
    keys = tmp_path / "keys.json"

    def give(access_key: str) -> None:
        soon = datetime.now(UTC) + timedelta(minutes=5)  # so soon that the chain renews them whenever asked
        keys.write_text(
            json.dumps(
                {"Version": 1, "AccessKeyId": access_key, "SecretAccessKey": "s", "SessionToken": "t"}
                | {"Expiration": soon.isoformat()}
            )
        )

    config = tmp_path / "config"
    config.write_text(f"[default]\ncredential_process = cat {keys}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    clock = FrozenClock()
    give("FIRST")
    async with S3Storage.open(replace(bucket, credentials=None), clock) as storage:
        assert "X-Amz-Credential=FIRST%2F" in presign(storage).url
        assert "&X-Amz-Security-Token=t&" in presign(storage).url
        give("SECOND")
        deadline = asyncio.get_running_loop().time() + 20
        while "X-Amz-Credential=SECOND%2F" not in presign(storage).url:
            assert asyncio.get_running_loop().time() < deadline
            clock.advance(timedelta(seconds=61))
            await asyncio.sleep(0.05)


async def test_without_credentials_nothing_opens(bucket, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(Unavailable, match="AWS_ACCESS_KEY_ID"):
        async with S3Storage.open(replace(bucket, credentials=None), FrozenClock()):
            pass


async def test_a_bucket_that_is_not_there_is_no_proof_that_its_objects_are_not(s3_server):
    async with S3Storage.open(s3_server.settings("no-such-bucket"), SystemClock()) as storage:
        with pytest.raises(Unavailable, match="no such bucket"):
            await storage.head(KEY)
        with pytest.raises(Unavailable, match="no such bucket"):
            await storage.check()


async def test_a_wrong_key_is_unavailable_and_not_an_absence(bucket):
    wrong = replace(bucket, credentials=replace(bucket.credentials, secret_key="wrong"))
    async with S3Storage.open(wrong, SystemClock()) as storage:
        with pytest.raises(Unavailable, match="check the keys"):
            await storage.head(KEY)
