"""The promises of every `ObjectServer`: only requests that its `Storage` signed pass."""

import asyncio
from datetime import timedelta
from hashlib import sha256
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from orak.adapters.clock.frozen import FrozenClock
from orak.adapters.storage.local import LocalStorage
from orak.adapters.storage.memory import MemoryStorage
from orak.application.ports.object_server import InvalidSignature, LengthMismatch, ObjectExists
from orak.application.ports.storage import ObjectMissing
from orak.domain.identity import ObjectKey

URL, SECRET = "http://orak.test", b"k" * 32
LIFE = timedelta(minutes=15)
KEY = ObjectKey("published/노래 +%()!*'~.webm")
"""In the public folder, so that the tests can read back what was stored."""
CONTENT = bytes(range(256)) * 3000
SIZE = len(CONTENT)
TYPE = "audio/webm;codecs=opus"


@pytest.fixture
def clock():
    return FrozenClock()


@pytest.fixture
def memory(clock):
    return MemoryStorage(URL, SECRET, clock)


@pytest.fixture
async def local(clock, tmp_path):
    async with LocalStorage.open(tmp_path / "objects", URL, SECRET, clock) as storage:
        yield storage


@pytest.fixture(params=["memory", "local"])
def storage(request):
    return request.getfixturevalue(request.param)


async def chunks(*contents: bytes):
    for content in contents:
        yield content


def parse(url: str) -> tuple[str, dict[str, str]]:
    """Split a URL as an HTTP server does."""
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    return unquote(parts.path).removeprefix("/storage/"), dict(query)


def put_url(storage, *, key=KEY, size=SIZE, content_type=TYPE) -> str:
    return storage.presign_put(
        key, content_type=content_type, content_length=size, create_only=True, life=LIFE
    ).url


async def put(storage, url, *body, content_type=TYPE, length=SIZE):
    key, query = parse(url)
    return await storage.receive(
        key, query, content_type=content_type, content_length=length, body=chunks(*(body or (CONTENT,)))
    )


async def read(opened, start=0, stop=None) -> bytes:
    stop = opened.info.size if stop is None else stop
    content = b"".join([piece async for piece in opened.read(start, stop)])
    await opened.close()
    return content


async def content(storage, key=KEY) -> bytes:
    return await read(await storage.open_public(key))


async def publish(storage, tmp_path, key, content=b"la la la"):
    (tmp_path / "source").write_bytes(content)
    await storage.publish(key, tmp_path / "source", content_type="audio/mp4")


async def test_a_signed_put_stores_the_body_to_the_byte(storage, clock):
    stored = await put(storage, put_url(storage), CONTENT[:1], b"", CONTENT[1:400_000], CONTENT[400_000:])
    assert stored == await storage.head(KEY)
    assert (stored.key, stored.size, stored.content_type) == (KEY, SIZE, TYPE)
    assert stored.modified_at == clock.now()
    assert await content(storage) == CONTENT


@pytest.mark.parametrize(
    "sent", [TYPE, "audio/webm; codecs=opus", "Audio/WebM ;\tCodecs=OPUS", " audio/webm;codecs=opus "]
)
async def test_a_content_type_may_be_sent_as_clients_rewrite_it(storage, sent):
    stored = await put(storage, put_url(storage), content_type=sent)
    assert stored.content_type == TYPE


@pytest.mark.parametrize(
    "sent", [None, "", "audio/webm", "audio/webm;codecs=vorbis", "text/html", "audio/webm;codecs=opus;x=y"]
)
async def test_another_content_type_is_denied(storage, sent):
    with pytest.raises(InvalidSignature):
        await put(storage, put_url(storage), content_type=sent)
    assert await storage.head(KEY) is None


@pytest.mark.parametrize("length", [None, 0, SIZE - 1, SIZE + 1])
async def test_a_content_length_that_was_not_signed_is_refused(storage, length):
    url = put_url(storage)
    with pytest.raises(LengthMismatch):
        await put(storage, url, length=length)
    assert (await put(storage, url)).size == SIZE


@pytest.mark.parametrize(
    "body", [(b"",), (CONTENT[:-1],), (CONTENT, b"x"), (CONTENT[:300_000],), (CONTENT,) * 3],
    ids=["empty", "shorter", "longer", "cut off", "much longer"],
)  # fmt: skip
async def test_a_body_of_another_length_leaves_nothing_and_a_retry_works(storage, body):
    url = put_url(storage)
    with pytest.raises(LengthMismatch):
        await put(storage, url, *body)
    assert await storage.head(KEY) is None
    assert (await put(storage, url)).size == SIZE


async def test_a_connection_that_breaks_leaves_nothing_and_a_retry_works(storage):
    class Disconnected(Exception):
        pass

    async def broken():
        yield CONTENT[:500_000]
        raise Disconnected

    key, query = parse(put_url(storage))
    with pytest.raises(Disconnected):
        await storage.receive(key, query, content_type=TYPE, content_length=SIZE, body=broken())
    assert await storage.head(KEY) is None
    assert (await put(storage, put_url(storage))).size == SIZE


async def test_an_endless_body_is_not_read_to_its_end(storage):
    read_so_far = 0

    async def endless():
        nonlocal read_so_far
        while True:
            read_so_far += 1000
            yield bytes(1000)

    key, query = parse(put_url(storage, size=5000))
    with pytest.raises(LengthMismatch):
        await storage.receive(key, query, content_type=TYPE, content_length=5000, body=endless())
    assert read_so_far == 6000


OTHER_CONTENT = b"x" + CONTENT[1:]


async def test_a_repeated_put_of_the_same_bytes_returns_the_stored_object(storage, clock):
    """The answer to the first was lost, so the client sends the bytes again."""
    url = put_url(storage)
    stored = await put(storage, url)
    clock.advance(timedelta(minutes=1))
    for body in ((CONTENT,), (CONTENT[:300_000], CONTENT[300_000:])):
        assert await put(storage, url, *body) == stored
    assert await storage.head(KEY) == stored
    assert await content(storage) == CONTENT


async def test_a_second_put_of_other_bytes_is_refused_and_changes_nothing(storage):
    url = put_url(storage)
    stored = await put(storage, url)
    with pytest.raises(ObjectExists):
        await put(storage, url, OTHER_CONTENT)
    assert await storage.head(KEY) == stored
    assert await content(storage) == CONTENT


@pytest.mark.parametrize("body", [(CONTENT[:-1],), (CONTENT, b"x")], ids=["shorter", "longer"])
async def test_a_repeated_put_of_another_length_is_refused(storage, body):
    url = put_url(storage)
    await put(storage, url)
    with pytest.raises(LengthMismatch):
        await put(storage, url, *body)
    assert await content(storage) == CONTENT


async def test_a_put_may_be_repeated_while_the_first_still_runs(storage):
    url = put_url(storage)
    key, query = parse(url)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow():
        yield CONTENT[:400_000]
        begun.set()
        await go_on.wait()
        yield CONTENT[400_000:]

    first = asyncio.create_task(
        storage.receive(key, query, content_type=TYPE, content_length=SIZE, body=slow())
    )
    await begun.wait()
    repeated = await put(storage, url)
    go_on.set()
    assert await first == repeated == await storage.head(KEY)
    assert await content(storage) == CONTENT


async def test_one_content_of_twenty_concurrent_puts_wins_and_its_bytes_are_whole(storage):
    url, size = put_url(storage, size=300_000), 300_000
    bodies = [bytes([number // 4]) * size for number in range(20)]  # each content four times

    async def attempt(body: bytes) -> bytes | None:
        try:
            await put(storage, url, body[: size // 2], body[size // 2 :], length=size)
        except ObjectExists:
            return None
        return body

    won = [body for body in await asyncio.gather(*map(attempt, bodies)) if body]
    assert len(won) == 4
    assert len(set(won)) == 1
    assert await content(storage) == won[0]
    assert (await storage.head(KEY)).etag.strip('"') == sha256(won[0]).hexdigest()


async def test_after_a_deletion_the_url_works_again(storage):
    url = put_url(storage)
    await put(storage, url)
    await storage.delete(KEY)
    assert (await put(storage, url)).size == SIZE


async def test_a_signature_is_checked_when_the_put_starts(storage, clock):
    url = put_url(storage)

    async def slow():
        clock.advance(LIFE)
        yield CONTENT

    clock.advance(LIFE - timedelta(seconds=1))
    key, query = parse(url)
    stored = await storage.receive(key, query, content_type=TYPE, content_length=SIZE, body=slow())
    assert stored.size == SIZE
    with pytest.raises(InvalidSignature):
        await put(storage, url)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
async def test_a_signed_put_with_one_byte_changed_is_denied(storage, data):
    url = put_url(storage)
    at = data.draw(st.integers(len(f"{URL}/storage/"), len(url) - 1))
    changed = url[:at] + data.draw(st.characters(codec="ascii", min_codepoint=32)) + url[at + 1 :]
    assume(parse(changed) != parse(url))  # `%2f` is `%2F`
    with pytest.raises(InvalidSignature):
        await put(storage, changed)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    key=st.text(),
    query=st.dictionaries(st.sampled_from(["expires", "size", "type", "signature", "x"]), st.text()),
)
async def test_unsigned_requests_are_denied(storage, key, query):
    with pytest.raises(InvalidSignature):
        await storage.receive(key, query, content_type="a/b", content_length=1, body=chunks(b"x"))


async def test_a_signature_with_fields_shifted_into_each_other_is_denied(storage):
    key, query = parse(put_url(storage, size=12))
    shifted = query | {"expires": query["expires"] + "1", "size": "2"}
    with pytest.raises(InvalidSignature):
        await storage.receive(key, shifted, content_type=TYPE, content_length=2, body=chunks(b"xx"))


@pytest.mark.parametrize("addition", [{"x": "1"}, {"Signature": "0"}, {"response-content-type": "text/html"}])
async def test_an_unsigned_parameter_is_denied(storage, addition):
    key, query = parse(put_url(storage))
    with pytest.raises(InvalidSignature):
        await storage.receive(
            key, query | addition, content_type=TYPE, content_length=SIZE, body=chunks(CONTENT)
        )


@pytest.mark.parametrize("secret", [b"j" * 32, b"k" * 31, b""])
async def test_a_signature_of_another_secret_is_denied(storage, clock, secret):
    with pytest.raises(InvalidSignature):
        await put(storage, put_url(MemoryStorage(URL, secret, clock)))


@pytest.mark.parametrize(
    ("start", "stop"), [(0, 0), (0, 1), (10, 20), (SIZE - 1, SIZE), (0, SIZE), (255, 600_001)]
)
async def test_any_range_is_read_to_the_byte(storage, start, stop):
    await put(storage, put_url(storage))
    opened = await storage.open_public(KEY)
    assert await read(opened, start, stop) == CONTENT[start:stop]


async def test_nothing_is_read_beyond_the_end(storage):
    await put(storage, put_url(storage))
    opened = await storage.open_public(KEY)
    assert await read(opened, SIZE - 3, SIZE + 1000) == CONTENT[-3:]


async def test_an_open_object_stays_readable_when_deleted_or_replaced(storage, tmp_path):
    await put(storage, put_url(storage))
    opened = await storage.open_public(KEY)
    again = await storage.open_public(KEY)
    await publish(storage, tmp_path, KEY, b"another")
    assert await read(opened) == CONTENT
    await storage.delete(KEY)
    assert await read(again) == CONTENT
    with pytest.raises(ObjectMissing):
        await storage.open_public(KEY)


async def test_an_object_can_be_closed_twice(storage):
    await put(storage, put_url(storage))
    opened = await storage.open_public(KEY)
    await opened.close()
    await opened.close()


async def test_the_public_folder_is_readable_without_a_signature(storage, tmp_path):
    key = ObjectKey("published/u-u-i-d/1_노래.m4a")
    await publish(storage, tmp_path, key)
    opened = await storage.open_public(key)
    assert opened.info == await storage.head(key)
    assert await read(opened) == b"la la la"


@pytest.mark.parametrize(
    "key",
    [
        "recordings/secret.webm",
        "published",
        "published/",
        "published/absent",
        "published/../recordings/secret.webm",
        "published/u/../../recordings/secret.webm",
        "published//recordings/secret.webm",
        "publishedx/secret.webm",
        "/published/x",
        "published/nul\0",
        "published/\ud800",
        "",
    ],
    ids=ascii,
)
async def test_no_object_outside_the_public_folder_is_readable_without_a_signature(storage, tmp_path, key):
    await publish(storage, tmp_path, ObjectKey("recordings/secret.webm"))
    await publish(storage, tmp_path, ObjectKey("publishedx/secret.webm"))
    with pytest.raises(ObjectMissing):
        await storage.open_public(key)
