"""HEAD of an object: what a store may answer, and how the connection to it is made."""

import asyncio
import ssl
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from certificates import Authority
from orak.adapters.clock.system import SystemClock
from orak.adapters.storage.bucket_settings import BucketSettings
from orak.adapters.storage.s3 import S3Storage
from orak.application.ports.failures import Unavailable
from orak.domain.identity import ObjectKey
from orak.domain.upload import StoredObject
from s3_servers import KEYS

KEY = ObjectKey("recordings/0c0f4a1e_노래.webm")
FIELDS = {
    "Content-Length": "3",
    "Content-Type": "audio/webm",
    "ETag": '"e"',
    "Last-Modified": "Sun, 06 Nov 1994 08:49:37 GMT",
}
OBJECT = StoredObject(KEY, 3, "audio/webm", '"e"', datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC))


def an_answer(status=200, fields=FIELDS) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} \r\n{lines}\r\n".encode()


FOUND = an_answer()
HANGS_UP = b""


class Store:
    """A server that gives prepared answers to HEADs of `KEY`, the last one for ever."""

    def __init__(self, *answers: bytes) -> None:
        self._answers = list(answers)
        self.targets: list[str] = []
        """The request targets of the HEADs of `KEY` that arrived."""
        self.heads: list[str] = []
        """Those HEADs themselves."""

    async def serve(self, reader, writer) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                method, target, _ = head.decode().split(" ", 2)
                if method == "HEAD" and "/recordings/" in target:
                    self.targets.append(target)
                    self.heads.append(head.decode())
                    answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                else:
                    answer = an_answer(200, {"Content-Length": "0"})
                if answer == HANGS_UP:
                    break
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def running(*answers, **options):
    store = Store(*answers)
    server = await asyncio.start_server(store.serve, "127.0.0.1", 0, **options)
    async with server:
        yield store, server.sockets[0].getsockname()[1]


@asynccontextmanager
async def opened(url):
    settings = BucketSettings("takes", "ap-northeast-2", url, credentials=KEYS)
    async with S3Storage.open(settings, SystemClock()) as storage:
        yield storage


@asynccontextmanager
async def answering(*answers):
    async with running(*answers) as (store, port), opened(f"http://127.0.0.1:{port}") as storage:
        yield storage, store


async def test_the_metadata_is_that_of_the_answer_and_the_type_may_be_missing():
    untyped = {name: value for name, value in FIELDS.items() if name != "Content-Type"}
    async with answering(FOUND, an_answer(200, untyped)) as (storage, _):
        assert await storage.head(KEY) == OBJECT
        assert (await storage.head(KEY)).content_type == ""


@pytest.mark.parametrize("failure", [*map(an_answer, (500, 502, 503, 504)), HANGS_UP])
async def test_two_failed_attempts_are_repeated(failure):
    async with answering(failure, failure, FOUND) as (storage, store):
        assert await storage.head(KEY) == OBJECT
        assert len(store.targets) >= 3  # one more where the connection was reused


@pytest.mark.parametrize("failure", [an_answer(503), HANGS_UP])
async def test_three_failed_attempts_are_unavailable(failure):
    async with answering(failure) as (storage, _):
        with pytest.raises(Unavailable):
            await storage.head(KEY)


@pytest.mark.parametrize("status", [301, 400, 403])
async def test_a_bucket_in_another_region_is_named(status):
    fields = {"Content-Length": "0", "x-amz-bucket-region": "eu-west-1"}
    async with answering(an_answer(status, fields)) as (storage, store):
        with pytest.raises(Unavailable, match="in the region eu-west-1, not ap-northeast-2: set S3_REGION"):
            await storage.head(KEY)
        assert len(store.targets) == 1


@pytest.mark.parametrize("status", [204, 302, 307, 400, 401, 405, 429, 501])
async def test_any_other_answer_is_unavailable_rather_than_a_missing_object(status):
    async with answering(an_answer(status)) as (storage, store):
        with pytest.raises(Unavailable, match=str(status)):
            await storage.head(KEY)
        assert len(store.targets) == 1


async def test_a_refusal_is_unavailable_because_keys_may_lack_the_permission_to_list():
    async with answering(an_answer(403)) as (storage, _):
        with pytest.raises(Unavailable, match="permission to list"):
            await storage.head(KEY)


async def test_an_object_is_missing_where_the_store_says_so():
    fields = {"Content-Length": "0", "x-amz-bucket-region": "ap-northeast-2"}
    async with answering(an_answer(404, fields)) as (storage, _):
        assert await storage.head(KEY) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Content-Length", None),
        ("ETag", None),
        ("ETag", ""),
        ("Last-Modified", None),
        ("Last-Modified", "yesterday"),
        ("Last-Modified", "Sun, 06 Nov 99999999999999 08:49:37 GMT"),
        ("Last-Modified", "Fri, 31 Dec 9999 23:49:37 -1400"),
    ],
)
async def test_an_answer_without_valid_metadata_is_unavailable_and_the_header_is_named(name, value):
    fields = {field: text for field, text in (FIELDS | {name: value}).items() if text is not None}
    async with answering(an_answer(200, fields)) as (storage, _):
        with pytest.raises(Unavailable, match=f"without a valid {name}$"):
            await storage.head(KEY)


async def test_a_weak_etag_is_not_pinned_because_it_does_not_identify_the_bytes():
    async with answering(an_answer(200, FIELDS | {"ETag": 'W/"e"'})) as (storage, _):
        with pytest.raises(Unavailable, match="weak ETag"):
            await storage.head(KEY)


async def test_no_compressed_answer_is_asked_for():
    async with answering(FOUND) as (storage, store):
        await storage.head(KEY)
    assert [line for line in store.heads[0].split("\r\n") if line.lower().startswith("accept-encoding")] == [
        "Accept-Encoding: identity"
    ]


async def test_a_private_authority_of_the_environment_is_trusted(tmp_path, monkeypatch):
    authority = Authority("of the store")
    certificate, key = authority.issue("localhost")
    (tmp_path / "server.pem").write_bytes(key + certificate)
    (tmp_path / "root.pem").write_bytes(authority.root)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "server.pem")
    async with running(FOUND, ssl=tls) as (_, port):
        async with opened(f"https://localhost:{port}") as storage:
            with pytest.raises(Unavailable):
                await storage.head(KEY)
        monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "root.pem"))
        async with opened(f"https://localhost:{port}") as storage:
            assert await storage.head(KEY) == OBJECT


async def test_a_proxy_of_the_environment_is_used(monkeypatch):
    async with running(FOUND) as (proxy, port):
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        monkeypatch.delenv("no_proxy", raising=False)
        async with opened("http://store.invalid") as storage:
            assert await storage.head(KEY) == OBJECT
    assert proxy.targets[0].startswith("http://store.invalid/takes/recordings/")
