"""S3 storage: third-party clients, large objects and failing servers."""

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
from orak.adapters.storage.abilities import Abilities, Condition
from orak.adapters.storage.s3 import S3Storage
from orak.adapters.storage.s3_transfers import PART
from orak.application.ports.failures import Unavailable
from orak.application.ports.public_media import IMMUTABLE
from orak.application.ports.storage import ObjectChanged, ObjectMissing
from orak.domain.identity import ObjectKey
from s3_servers import an_s3_server, breaking_connections

KEY = ObjectKey("recordings/0c0f4a1e_노래 +()!*'~%25.webm")
TYPE = "audio/webm;codecs=opus"
LIFE = timedelta(minutes=5)


@pytest.fixture
def bucket(s3_server):
    return s3_server.new_bucket()


@pytest.fixture
async def storage(bucket):
    async with S3Storage.open(bucket, SystemClock()) as storage:
        # rclone checks that a signed If-None-Match is sent, although it then ignores it.
        storage.abilities = Abilities(
            reads=True,
            deletes=True,
            create_only=Condition.ENFORCED,
            binds_length=True,
            pinned_reads=Condition.IGNORED,
            ranges=False,
            multipart=True,
        )
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
    status, _ = await curl.communicate(content)
    return int(status)


async def by_urllib3(url, headers, content):
    import urllib3  # noqa: PLC0415 - boto3 and requests send with it

    def put():
        with urllib3.PoolManager() as pool:
            return pool.request("PUT", url, headers=dict(headers), body=content).status

    return await asyncio.to_thread(put)


@pytest.fixture(params=[by_httpx, by_curl, by_urllib3])
def put(request):
    return request.param


@pytest.mark.parametrize("create_only", [True, False])
async def test_any_http_client_uploads_with_the_signed_url_and_headers(storage, put, create_only):
    signed = presign(storage, create_only=create_only)
    assert await put(signed.url, signed.headers, b"abc") == 200
    info = await storage.head(KEY)
    assert (info.size, info.content_type) == (3, TYPE)


async def test_the_content_type_is_the_only_required_header(storage, put):
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
async def test_an_unsigned_change_is_refused_and_changes_nothing(storage, put, content, content_type, change):
    signed = presign(storage)
    assert await put(signed.url, signed.headers, b"abc") == 200
    before = await storage.head(KEY)
    assert await put(signed.url.replace(*change), {"Content-Type": content_type}, content) == 403
    assert await storage.head(KEY) == before
    assert [found.key async for found in storage.list("")] == [KEY]


async def test_a_signed_header_must_be_sent(storage, put):
    signed = presign(storage, create_only=True)
    assert await put(signed.url, {"Content-Type": TYPE}, b"abc") == 403
    assert await storage.head(KEY) is None


async def test_a_url_signed_for_get_refuses_put(storage, put):
    redirect = await storage.open_public("published/0c0f4a1e/1_take.m4a")
    assert await put(redirect.get, {"Content-Type": TYPE}, b"abc") == 403


async def test_objects_are_interchangeable_with_another_s3_client(storage, bucket, s3_server, tmp_path):
    s3_server.client.put_object(Bucket=bucket.bucket, Key=KEY, Body=b"abc", ContentType=TYPE)
    info = await storage.head(KEY)
    assert (info.size, info.content_type) == (3, TYPE)
    (tmp_path / "source").write_bytes(b"abcd")
    await storage.publish(KEY, tmp_path / "source", content_type="audio/mp4")
    read = s3_server.client.get_object(Bucket=bucket.bucket, Key=KEY)
    assert (read["Body"].read(), read["ContentType"]) == (b"abcd", "audio/mp4")


async def test_a_large_file_is_sent_in_parts_and_downloads_unchanged(storage, tmp_path):
    content = os.urandom(PART + 1)
    (tmp_path / "source").write_bytes(content)
    await storage.publish(KEY, tmp_path / "source", content_type="audio/mp4")
    info = await storage.head(KEY)
    assert (info.size, info.content_type) == (len(content), "audio/mp4")
    await storage.download(KEY, etag=info.etag, to=tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == content


async def test_a_failed_multipart_upload_leaves_no_parts(storage, bucket, tmp_path):
    (tmp_path / "source").write_bytes(bytes(PART + 1))
    async with (
        breaking_connections(bucket, max_sent=1_000_000) as bad,
        S3Storage.open(bad, SystemClock()) as flaky,
    ):
        with pytest.raises(Unavailable):
            await flaky.publish(KEY, tmp_path / "source", content_type="audio/mp4")
    assert await storage.head(KEY) is None
    assert [found async for found in storage.unfinished(datetime.now(UTC) + LIFE)] == []


async def test_old_parts_of_a_killed_writer_are_found_and_removed(storage, bucket, s3_server):
    begun = s3_server.client.create_multipart_upload(Bucket=bucket.bucket, Key=KEY)
    s3_server.client.create_multipart_upload(Bucket=bucket.bucket, Key="backups/of-another-program")
    now = datetime.now(UTC)
    assert [found async for found in storage.unfinished(now - LIFE)] == []
    (found,) = [found async for found in storage.unfinished(now + LIFE)]
    assert (found.key, found.handle) == (KEY, begun["UploadId"])
    await storage.abandon(found)
    await storage.abandon(found)
    assert [found async for found in storage.unfinished(now + LIFE)] == []


async def test_a_listing_follows_all_pages(storage, bucket, s3_server, monkeypatch):
    for number in range(7):
        s3_server.client.put_object(Bucket=bucket.bucket, Key=f"recordings/{number:020}", Body=b"x")
    call = storage._bucket.call
    monkeypatch.setattr(storage._bucket, "call", lambda operation, **rest: call(operation, MaxKeys=3, **rest))
    found = [found.key async for found in storage.list("recordings/")]
    assert found == [f"recordings/{number:020}" for number in range(7)]


async def test_public_media_redirects_to_a_url_that_needs_no_credentials(storage, tmp_path):
    (tmp_path / "source").write_bytes(b"la la")
    key = ObjectKey("published/0c0f4a1e/1_노래.m4a")
    await storage.publish(key, tmp_path / "source", content_type="audio/mp4")
    redirect = await storage.open_public(key)
    async with httpx.AsyncClient() as client:
        read = await client.get(redirect.get, headers={"Range": "bytes=3-4"})
        assert read.content == b"la"  # rclone answers 200, other stores 206
        head = await client.head(redirect.head)
        assert (head.status_code, head.headers["content-length"]) == (200, "5")
        assert head.headers.get("cache-control", IMMUTABLE) == IMMUTABLE  # rclone stores no Cache-Control
    assert redirect.kept < timedelta(hours=1)


WAVEFORM = ObjectKey("published/0c0f4a1e/1_노래.json")


async def test_a_waveform_is_read_by_orak_itself(storage, tmp_path):
    """A redirected page of another origin sends `Origin: null`, which a bucket that lists origins refuses."""
    with pytest.raises(ObjectMissing):
        await storage.open_public(WAVEFORM)
    content = json.dumps({"peaks": [[-0.5, 0.5]] * 40_000}).encode()
    (tmp_path / "source").write_bytes(content)
    await storage.publish(WAVEFORM, tmp_path / "source", content_type="application/json")
    opened = await storage.open_public(WAVEFORM)
    assert opened.info == await storage.head(WAVEFORM)
    assert b"".join([chunk async for chunk in opened.read(0, len(content))]) == content


async def test_a_waveform_that_is_too_large_to_hold_is_redirected_to(storage, tmp_path):
    (tmp_path / "source").write_bytes(bytes(2**20 + 1))
    await storage.publish(WAVEFORM, tmp_path / "source", content_type="application/json")
    redirect = await storage.open_public(WAVEFORM)
    async with httpx.AsyncClient() as client:
        assert len((await client.get(redirect.get)).content) == 2**20 + 1


async def test_a_broken_download_resumes_where_it_stopped(storage, bucket, tmp_path):
    content = os.urandom(2_000_000)
    (tmp_path / "source").write_bytes(content)
    await storage.publish(KEY, tmp_path / "source", content_type="audio/mp4")
    info = await storage.head(KEY)
    async with (
        breaking_connections(bucket, max_received=900_000) as bad,
        S3Storage.open(bad, SystemClock()) as flaky,
    ):
        await flaky.download(KEY, etag=info.etag, to=tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == content
        await storage.publish(KEY, tmp_path / "copy", content_type="audio/mp4")


async def test_an_unfinished_download_leaves_no_file(storage, bucket, tmp_path):
    (tmp_path / "source").write_bytes(bytes(2_000_000))
    await storage.publish(KEY, tmp_path / "source", content_type="audio/mp4")
    info = await storage.head(KEY)
    async with (
        breaking_connections(bucket, max_received=100_000) as bad,
        S3Storage.open(bad, SystemClock()) as flaky,
    ):
        with pytest.raises(Unavailable):
            await flaky.download(KEY, etag=info.etag, to=tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


async def test_calls_leak_no_connections_or_descriptors(storage, tmp_path):
    (tmp_path / "source").write_bytes(bytes(500_000))

    async def exercise(number):
        key = ObjectKey(f"recordings/take-number-{number}.webm")
        await storage.publish(key, tmp_path / "source", content_type=TYPE)
        info = await storage.head(key)
        await storage.download(key, etag=info.etag, to=tmp_path / f"{number}")
        with pytest.raises(ObjectChanged):
            await storage.download(key, etag='"other"', to=tmp_path / "none")
        cancelled = asyncio.create_task(storage.download(key, etag=info.etag, to=tmp_path / "cancelled"))
        await asyncio.sleep(0.001 * (number % 5))
        cancelled.cancel()
        await asyncio.wait([cancelled])
        if not cancelled.cancelled():  # the download was faster
            (tmp_path / "cancelled").unlink()
        assert not (tmp_path / "cancelled").exists()
        await storage.delete(key)
        assert await storage.head(key) is None

    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    await exercise(0)
    before = descriptors()
    for number in range(1, 30):
        await exercise(number)
    assert descriptors() <= before + 1  # the pool may keep one more connection open
    assert not (tmp_path / "none").exists()


async def test_a_server_outage_is_unavailable_until_the_server_is_back(tmp_path):
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


async def test_renewed_credentials_of_the_aws_chain_sign_new_urls(bucket, tmp_path, monkeypatch):
    keys = tmp_path / "keys.json"

    def give(access_key: str) -> None:
        soon = datetime.now(UTC) + timedelta(minutes=5)  # within the 15 minutes in which the chain renews
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


async def test_opening_without_credentials_is_unavailable(bucket, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(Unavailable, match="AWS_ACCESS_KEY_ID"):
        async with S3Storage.open(replace(bucket, credentials=None), FrozenClock()):
            pass


async def test_a_missing_bucket_is_unavailable_rather_than_empty(s3_server):
    async with S3Storage.open(s3_server.settings("no-such-bucket"), SystemClock()) as storage:
        with pytest.raises(Unavailable, match="no such bucket"):
            await storage.head(KEY)
        with pytest.raises(Unavailable, match="no such bucket"):
            await storage.check()


async def test_a_wrong_secret_key_is_unavailable_rather_than_a_missing_object(bucket):
    wrong = replace(bucket, credentials=replace(bucket.credentials, secret_key="wrong"))
    async with S3Storage.open(wrong, SystemClock()) as storage:
        with pytest.raises(Unavailable, match="check the keys"):
            await storage.head(KEY)
