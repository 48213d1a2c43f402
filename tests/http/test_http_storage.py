"""Objects of local storage over HTTP: signed URLs, ranges, versions, caches."""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import quote

import pytest

from http_api import SETTINGS, URL, Api, a_scope, convert, create_record, presign, refusal, upload
from orak.application.ports.failures import Unavailable
from orak.domain.identity import ObjectKey
from orak.domain.processing import ProcessingStatus
from orak.entrypoints.http.answers.views import public_url
from orak.entrypoints.settings.values import Settings

PUBLISHED = "/media/published/00000000-0000-4000-8000-000000000001/1_take.m4a"
CONTENT = b"converted abc"
EARLIER = "Mon, 01 Jan 2024 11:59:59 GMT"


@pytest.fixture
async def published(api, owner, anonymous):
    """Return ETag and Last-Modified of a published object whose bytes are CONTENT."""
    await convert(api, await create_record(owner, await upload(owner)))
    headers = (await anonymous.head(PUBLISHED)).headers
    return headers["etag"], headers["last-modified"]


async def test_a_signed_put_is_answered_with_the_etag_of_its_bytes(owner, anonymous):
    signed = await presign(owner)
    answer = await anonymous.put(signed["presignedUrl"], content=b"abc", headers=signed["headers"])
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["etag"].startswith('"')
    assert (await owner.get("/records/async/uploads/1")).json()["processingStatus"] == "UPLOADED"


async def test_a_repeated_put_of_the_same_bytes_is_answered_like_the_first(api: Api, owner, anonymous):
    """Also when the upload was converted meanwhile: the client knows only that it had no answer."""
    signed = await presign(owner)

    async def put(content=b"abc"):
        return await anonymous.put(signed["presignedUrl"], content=content, headers=signed["headers"])

    def shown(answer):
        return answer.status_code, answer.content, answer.headers["etag"]

    first = await put()
    assert shown(await put()) == shown(first)
    record = await create_record(owner, signed)
    await convert(api, record)
    before = (await owner.get(f"/records/async/{record['id']}")).json()
    assert before["processingStatus"] == "COMPLETED"
    assert shown(await put()) == shown(first)
    assert refusal(await put(b"xyz")) == (412, "PRECONDITION_FAILED")
    assert (await owner.get(f"/records/async/{record['id']}")).json() == before


async def test_a_second_put_of_other_bytes_is_412(owner, anonymous):
    signed = await upload(owner)
    answer = await anonymous.put(signed["presignedUrl"], content=b"xyz", headers=signed["headers"])
    assert refusal(answer) == (412, "PRECONDITION_FAILED")
    assert "presignedUrl" not in answer.text
    assert signed["presignedUrl"].rpartition("=")[2] not in answer.text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("_take.webm", "_tale.webm"),
        ("size=3", "size=4"),
        ("expires=17", "expires=18"),
        ("signature=", "signature=0"),
        ("type=audio", "type=video"),
        ("?", "?x=1&"),
        ("signature=", "signature=%FF"),
    ],
)
async def test_a_changed_signed_url_is_403(owner, anonymous, old, new):
    signed = await presign(owner)
    url = signed["presignedUrl"].replace(old, new)
    answer = await anonymous.put(url, content=b"abc", headers=signed["headers"])
    assert refusal(answer) == (403, "FORBIDDEN")
    answer = await anonymous.put(signed["presignedUrl"], content=b"abc", headers=signed["headers"])
    assert answer.status_code == 200


async def test_a_signed_url_is_valid_for_its_method_type_and_lifetime_only(api: Api, owner, anonymous):
    signed = await presign(owner)
    url, headers = signed["presignedUrl"], signed["headers"]
    assert refusal(await anonymous.get(url)) == (405, "METHOD_NOT_ALLOWED")
    answer = await anonymous.put(url, content=b"abc", headers={"Content-Type": "audio/ogg"})
    assert refusal(answer) == (403, "FORBIDDEN")
    api.service.clock.advance(timedelta(minutes=15))
    assert refusal(await anonymous.put(url, content=b"abc", headers=headers)) == (403, "FORBIDDEN")


@pytest.mark.parametrize("content", [b"", b"ab", b"abcd"])
async def test_a_body_of_another_length_stores_nothing_and_can_be_sent_again(owner, anonymous, content):
    signed = await presign(owner)
    for length in {str(len(content)), "3"}:
        headers = signed["headers"] | {"Content-Length": length}
        answer = await anonymous.put(signed["presignedUrl"], content=content, headers=headers)
        assert refusal(answer) == (400, "VALIDATION_FAILED")
    answer = await anonymous.put(signed["presignedUrl"], content=b"abc", headers=signed["headers"])
    assert answer.status_code == 200


async def test_a_body_of_unknown_length_is_refused(owner, anonymous):
    async def chunks():
        yield b"abc"

    signed = await presign(owner)
    answer = await anonymous.put(signed["presignedUrl"], content=chunks(), headers=signed["headers"])
    assert refusal(answer) == (400, "VALIDATION_FAILED")


async def test_a_put_that_is_cut_off_stores_nothing_and_can_be_sent_again(api: Api, owner, anonymous):
    signed = await presign(owner)
    messages = [
        {"type": "http.request", "body": b"a", "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent = []

    async def receive():
        return messages.pop(0)

    async def send(message):
        sent.append(message)

    scope = a_scope("PUT", signed["presignedUrl"], signed["headers"] | {"Content-Length": "3"})
    await api.app(scope, receive, send)
    assert sent[0]["status"] == 400
    answer = await anonymous.put(signed["presignedUrl"], content=b"abc", headers=signed["headers"])
    assert answer.status_code == 200


async def test_stored_bytes_are_acknowledged_while_the_database_is_unavailable(api: Api, owner, anonymous):
    signed = await presign(owner)

    async def down(_key):
        raise Unavailable

    running = api.app.state.running
    api.app.state.running = replace(running, use_cases=replace(running.use_cases, receive_upload=down))
    answer = await anonymous.put(signed["presignedUrl"], content=b"abc", headers=signed["headers"])
    assert answer.status_code == 200
    api.app.state.running = running
    await create_record(owner, signed)
    assert (await owner.get("/records/async/uploads/1")).json()["processingStatus"] == "UPLOADED"


async def test_the_url_of_a_cancelled_upload_stores_nothing(api: Api, owner, anonymous):
    signed = await presign(owner)
    await owner.delete("/records/async/uploads/1")
    answer = await anonymous.put(signed["presignedUrl"], content=b"abc", headers=signed["headers"])
    assert refusal(answer) == (404, "RECORD_OPERATION_FAILED")
    assert await api.service.storage.head(signed["s3Key"]) is None


async def test_a_published_object_is_public_and_immutable(anonymous, published):
    etag, modified = published
    answer = await anonymous.get(PUBLISHED, headers={"Origin": "https://anywhere.example"})
    assert (answer.status_code, answer.content) == (200, CONTENT)
    headers = dict(answer.headers)
    assert headers.pop("x-request-id")
    assert headers.pop("access-control-expose-headers")
    assert headers == {
        "content-type": "audio/mp4",
        "etag": etag,
        "last-modified": modified,
        "cache-control": "public, max-age=31536000, s-maxage=86400, immutable",
        "accept-ranges": "bytes",
        "content-length": "13",
        "x-content-type-options": "nosniff",
        "access-control-allow-origin": "*",
    }


@pytest.mark.parametrize(
    "name",
    ["노래 하나.m4a", "a+b c.m4a", "a#b?c.m4a", "100%.m4a", "%2e%2e%2f.m4a", "a&b=c;d,e.m4a", "🎤~'()*!.m4a"],
)
async def test_a_published_key_may_hold_any_character(api: Api, anonymous, tmp_path, name):
    (tmp_path / "source").write_bytes(CONTENT)
    key = ObjectKey(f"published/00000000-0000-4000-8000-000000000001/1_{name}")
    await api.service.storage.publish(key, tmp_path / "source", content_type="audio/mp4")
    url = public_url(SETTINGS, key)
    assert url == f"{URL}/media/{quote(key)}"
    assert (await anonymous.get(url)).content == CONTENT
    assert (await anonymous.head(url)).headers["content-length"] == str(len(CONTENT))
    part = await anonymous.get(url, headers={"Range": "bytes=1-2"})
    assert (part.status_code, part.content) == (206, CONTENT[1:3])


@pytest.mark.parametrize(
    "base", ["https://cdn.example.com", "https://cdn.example.com/", "https://h.example/a/b/"]
)
def test_the_url_on_a_cdn_is_the_base_url_and_the_percent_encoded_key(base):
    key = ObjectKey("published/u/1_노래 +#?%.m4a")
    assert public_url(Settings(cdn_base_url=base), key) == (
        f"{base.rstrip('/')}/published/u/1_%EB%85%B8%EB%9E%98%20%2B%23%3F%25.m4a"
    )


async def test_head_of_an_object_has_the_headers_of_get(anonymous, published):
    got, head = (
        await anonymous.get(PUBLISHED),
        await anonymous.head(PUBLISHED, headers={"Range": "bytes=0-1"}),
    )
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == published[0]
    assert head.headers["content-length"] == got.headers["content-length"]


@pytest.mark.parametrize(
    "path",
    [
        "/media/recordings/00000000-0000-4000-8000-000000000001_take.webm",
        "/media/published/../recordings/00000000-0000-4000-8000-000000000001_take.webm",
        "/media/published/%2e%2e/recordings/00000000-0000-4000-8000-000000000001_take.webm",
        "/media/published/nothing",
        "/media/published",
        "/media/",
    ],
)
@pytest.mark.usefixtures("published")
async def test_only_published_objects_are_public(anonymous, path):
    assert refusal(await anonymous.get(path)) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("asked", "part", "content_range"),
    [
        ("bytes=0-0", b"c", "bytes 0-0/13"),
        ("bytes=0-", CONTENT, "bytes 0-12/13"),
        ("bytes=4-6", b"ert", "bytes 4-6/13"),
        ("bytes=10-99", b"abc", "bytes 10-12/13"),
        ("bytes=-3", b"abc", "bytes 10-12/13"),
        ("bytes=-99", CONTENT, "bytes 0-12/13"),
        ("Bytes= 4-6 ", b"ert", "bytes 4-6/13"),
    ],
)
@pytest.mark.usefixtures("published")
async def test_a_range_is_answered_with_its_part(anonymous, asked, part, content_range):
    answer = await anonymous.get(PUBLISHED, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (206, part)
    assert answer.headers["content-range"] == content_range
    assert answer.headers["content-length"] == str(len(part))


@pytest.mark.parametrize(
    "asked", ["bytes=0-1,4-5", "bytes=-", "bytes=5-4", "bytes=a-b", "lines=1-2", "bytes 0-1", "bytes=٣-٤"]
)
@pytest.mark.usefixtures("published")
async def test_several_or_unreadable_ranges_are_answered_with_the_whole_object(anonymous, asked):
    answer = await anonymous.get(PUBLISHED, headers={"Range": asked.encode()})
    assert (answer.status_code, answer.content) == (200, CONTENT)


@pytest.mark.parametrize("asked", ["bytes=13-", "bytes=99-100", "bytes=-0"])
@pytest.mark.usefixtures("published")
async def test_a_range_outside_the_object_is_416(anonymous, asked):
    answer = await anonymous.get(PUBLISHED, headers={"Range": asked})
    assert refusal(answer) == (416, "RANGE_NOT_SATISFIABLE")
    assert answer.headers["content-range"] == "bytes */13"


async def test_if_range_honours_a_range_of_the_same_version_only(anonymous, published):
    etag, modified = published
    for condition, status in (
        (etag, 206),
        (f"W/{etag}", 200),
        ('"other"', 200),
        (modified, 206),
        (EARLIER, 200),
        ("yesterday", 200),
    ):
        headers = {"Range": "bytes=0-0", "If-Range": condition}
        assert (await anonymous.get(PUBLISHED, headers=headers)).status_code == status, condition


async def test_a_known_version_is_304(anonymous, published):
    etag, modified = published
    for headers, status in (
        ({"If-None-Match": etag}, 304),
        ({"If-None-Match": f'"a", W/{etag}'}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": '"other"'}, 200),
        ({"If-None-Match": '"other"', "If-Modified-Since": modified}, 200),
        ({"If-Modified-Since": modified}, 304),
        ({"If-Modified-Since": EARLIER}, 200),
        ({"If-Modified-Since": "Mon, 01 Jan 99999 11:59:59 GMT"}, 200),
        ({"If-None-Match": etag, "Range": "bytes=0-0"}, 304),
    ):
        answer = await anonymous.get(PUBLISHED, headers=headers)
        assert answer.status_code == status, headers
        assert answer.headers["etag"] == etag
        assert bool(answer.content) is (status == 200)


@dataclass
class Endless:
    """An object without an end, for a client that hangs up after the first bytes."""

    info: object
    hung_up: asyncio.Event
    closed: bool = False

    async def read(self, _start: int, _stop: int):
        while True:
            yield b"x"
            await asyncio.sleep(0)

    async def close(self) -> None:
        self.closed = True


@pytest.mark.usefixtures("published")
async def test_an_object_is_closed_when_its_client_hangs_up(api: Api):
    hung_up = asyncio.Event()
    opened = Endless(await api.service.storage.head(PUBLISHED.removeprefix("/media/")), hung_up)

    class Media:
        async def open_public(self, _key: str) -> Endless:
            return opened

    api.app.state.running = replace(api.app.state.running, media=Media())

    async def receive():
        await hung_up.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        if message.get("body"):
            hung_up.set()

    async with asyncio.timeout(5):
        await api.app(a_scope("GET", PUBLISHED), receive, send)
    assert opened.closed


@pytest.mark.parametrize(("content", "status"), [(b"abc", 200), (b"xyz", 412)])
async def test_a_second_put_marks_an_upload_that_a_killed_process_did_not(anonymous, api, content, status):
    """The process was killed after the bytes were stored and before the row was updated."""
    upload = await api.service.request(content=b"abc")
    await api.service.put_bytes(upload, b"abc")
    signed = api.service.storage.presign_put(
        upload.key, content_type="audio/webm", content_length=3, create_only=False, life=timedelta(minutes=1)
    )
    answer = await anonymous.put(signed.url, content=content, headers=dict(signed.headers))
    assert answer.status_code == status
    assert (await api.service.row(upload)).status is ProcessingStatus.UPLOADED


async def test_a_repeated_parameter_of_a_signed_url_is_403(anonymous, api):
    upload = await api.service.request(content=b"abc")
    signed = api.service.storage.presign_put(
        upload.key, content_type="audio/webm", content_length=3, create_only=False, life=timedelta(minutes=1)
    )
    answer = await anonymous.put(
        signed.url.replace("?", "?size=1&"), content=b"abc", headers=dict(signed.headers)
    )
    assert refusal(answer) == (403, "FORBIDDEN")


async def test_a_condition_on_another_version_is_412(anonymous, published):
    etag, modified = published
    for headers, status in (
        ({"If-Match": etag}, 200),
        ({"If-Match": f'"other", {etag}'}, 200),
        ({"If-Match": "*"}, 200),
        ({"If-Match": etag, "If-Unmodified-Since": EARLIER}, 200),
        ({"If-Unmodified-Since": modified}, 200),
        ({"If-Match": '"other"'}, 412),
        ({"If-Match": f"W/{etag}"}, 412),
        ({"If-Match": '"other"', "If-None-Match": etag}, 412),
        ({"If-Unmodified-Since": EARLIER}, 412),
    ):
        answer = await anonymous.get(PUBLISHED, headers=headers)
        assert answer.status_code == status, headers
    assert refusal(answer) == (412, "PRECONDITION_FAILED")
