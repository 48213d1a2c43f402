"""What a real server seldom does: answers lost, pages of proxies, links that lead astray."""

import inspect
import json
from datetime import UTC, datetime

import httpx
import pytest

from orak.client import (
    AsyncOrakClient,
    FileChanged,
    OrakApiError,
    OrakClient,
    PresignedUpload,
    Unreachable,
    UnreadableAnswer,
)
from orak.client.content_types import content_type_of
from orak.domain.audio import ACCEPTED

NOW = "2024-01-01T12:00:00Z"
RECORD = {
    "id": 1,
    "title": "한 곡",
    "userId": 1,
    "songId": None,
    "uploadId": 1,
    "durationSeconds": None,
    "processingStatus": "PROCESSING",
    "s3Key": "recordings/x.webm",
    "publicUrl": None,
    "createdAt": NOW,
    "updatedAt": NOW,
    "failure": None,
    "waveformUrl": None,
    "loudness": None,
    "progress": 0,
    "aFieldOfTomorrow": {},
}


class Wire:
    """Answers with what it was given, in turn, and remembers what it was sent."""

    def __init__(self, *answers) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer) if isinstance(answer, int) else answer


@pytest.fixture
def speaking(client_of):
    """A client on a wire of these answers."""

    def speaking(*answers):
        wire = Wire(*answers)
        return client_of("http://orak.test", "secret-token", transport=httpx.MockTransport(wire)), wire

    return speaking


def record(status=200, headers=None, **fields):
    return httpx.Response(status, json=RECORD | fields, headers=headers)


def test_a_server_that_says_come_again_is_asked_again_with_the_same_key(speaking):
    orak, wire = speaking(
        *(httpx.Response(status, headers={"Retry-After": "0"}) for status in (503, 429)), record()
    )
    assert orak.create("한 곡", 1).title == "한 곡"
    keys = {request.headers["Idempotency-Key"] for request in wire.requests}
    assert len(wire.requests) == 3
    assert len(keys) == 1


@pytest.mark.parametrize("lost", [httpx.ReadError("reset"), httpx.ReadTimeout("late"), 502])
def test_a_lost_answer_is_asked_for_again_where_that_is_safe(speaking, lost):
    orak, wire = speaking(lost, record())
    assert orak.create("한 곡", 1).id == 1
    assert len(wire.requests) == 2


def test_a_retry_whose_answer_was_lost_is_not_sent_twice(speaking):
    orak, wire = speaking(httpx.ReadError("reset"))
    with pytest.raises(Unreachable):
        orak.retry(1)
    assert len(wire.requests) == 1


def test_a_call_that_was_never_sent_is_always_sent_again(speaking):
    orak, wire = speaking(httpx.ConnectError("refused"), record())
    assert orak.retry(1).id == 1
    assert len(wire.requests) == 2


def test_trying_again_ends(speaking):
    orak, wire = speaking(*[httpx.ConnectError("refused")] * 4)
    with pytest.raises(Unreachable, match="refused") as unreachable:
        orak.get(1)
    assert isinstance(unreachable.value.__cause__, httpx.ConnectError)
    assert len(wire.requests) == 4


def test_a_server_that_wants_too_much_patience_is_not_waited_for(speaking):
    orak, wire = speaking(httpx.Response(503, headers={"Retry-After": "3600"}))
    with pytest.raises(OrakApiError) as refused:
        orak.get(1)
    assert refused.value.status == 503
    assert len(wire.requests) == 1


def test_a_deletion_whose_answer_was_lost_is_done(speaking):
    orak, _ = speaking(httpx.ReadError("reset"), 404)
    orak.delete(1)


def test_a_page_that_is_not_oraks_is_told_from_an_answer(speaking):
    orak, _ = speaking(
        httpx.Response(200, text="<html>Sign in to the hotel's network"),
        httpx.Response(302, headers={"Location": "https://login.example/"}),
        httpx.Response(403, text="<html>Forbidden"),
    )
    for _ in range(2):
        with pytest.raises(UnreadableAnswer):
            orak.get(1)
    with pytest.raises(OrakApiError) as refused:
        orak.get(1)
    assert (refused.value.code, refused.value.message) == ("HTTP_403", "Forbidden")


def test_unchanged_is_the_record_that_is_known(speaking):
    orak, wire = speaking(record(headers={"ETag": 'W/"1"'}), 304)
    known = orak.get(1)
    assert orak.get(1, known=known) is known
    assert wire.requests[1].headers["If-None-Match"] == 'W/"1"'


def test_the_next_page_is_asked_for_where_the_first_was_wherever_the_link_leads(speaking):
    link = '<https://thief.example/records/async/me?limit=200&cursor=abc>; rel="next"'
    orak, wire = speaking(
        httpx.Response(200, json=[RECORD], headers={"Link": link}), httpx.Response(200, json=[])
    )
    assert len(list(orak.records())) == 1
    assert str(wire.requests[1].url) == "http://orak.test/records/async/me?limit=200&cursor=abc"


def test_the_store_gets_the_signed_headers_and_no_token(speaking, tmp_path):
    orak, wire = speaking(200)
    headers = {"Content-Type": "audio/webm", "If-None-Match": "*"}
    orak.put(a_presigned(headers), a_file(tmp_path, b"abc"))
    sent = {"host": "store.test", "content-length": "3", "content-type": "audio/webm", "if-none-match": "*"}
    assert dict(wire.requests[0].headers) == sent
    assert str(wire.requests[0].url) == "https://store.test/take?signature=s"


def test_sending_begins_anew_after_it_broke_off(speaking, tmp_path):
    orak, wire = speaking(httpx.WriteError("broken"), 412)
    progress = []
    orak.put(a_presigned({}), a_file(tmp_path, b"abc"), lambda *count: progress.append(count))
    assert len(wire.requests) == 2
    assert progress[-1] == (3, 3)


def test_a_store_that_refuses_is_believed(speaking, tmp_path):
    orak, _ = speaking(httpx.Response(403, text="<Error><Code>SignatureDoesNotMatch</Code></Error>"))
    with pytest.raises(OrakApiError) as refused:
        orak.put(a_presigned({}), a_file(tmp_path, b"abc"))
    assert (refused.value.status, refused.value.code) == (403, "HTTP_403")


@pytest.mark.parametrize("then", [b"ab", b"abcd"])
def test_a_file_that_does_not_hold_still_is_not_stored(speaking, tmp_path, then):
    orak, _ = speaking(httpx.WriteError("broken"), 200)
    file = a_file(tmp_path, b"abc")
    with pytest.raises(FileChanged):
        orak.put(a_presigned({}), file, lambda _sent, _total: file.write_bytes(then))


def test_what_is_asked_for_is_what_is_sent(speaking):
    orak, wire = speaking(record(), record())
    orak.create("한 곡", 1, song_id=2, duration_seconds=3, wait=5)
    orak.change(1, song_id=3)
    assert json.loads(wire.requests[0].content) == {
        "title": "한 곡",
        "uploadId": 1,
        "songId": 2,
        "durationSeconds": 3,
    }
    assert wire.requests[0].headers["Prefer"] == "wait=5"
    assert wire.requests[0].headers["Authorization"] == "Bearer secret-token"
    assert json.loads(wire.requests[1].content) == {"songId": 3}


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://orak.test", "http://", "http://orak:port", ""])
def test_a_url_that_cannot_be_talked_to_is_refused_at_once(client_of, url):
    with pytest.raises(ValueError, match="URL"):
        client_of(url, "token")


@pytest.mark.parametrize("token", ["", "two words", "two\nlines", "한글"])
def test_a_token_that_is_none_is_refused_and_not_repeated(client_of, token):
    with pytest.raises(ValueError, match="the token is empty, or holds what no token holds"):
        client_of("http://orak.test", token)


def test_both_clients_can_do_the_same():
    def calls(kind):
        return {
            name: [*inspect.signature(method).parameters]
            for name, method in vars(kind).items()
            if not name.startswith("_") and callable(method)
        }

    assert calls(OrakClient) == calls(AsyncOrakClient)


def test_every_file_that_orak_accepts_has_a_type_that_orak_accepts():
    for extension, types in ACCEPTED.items():
        assert content_type_of(f"take.{extension.upper()}") in types


def a_presigned(headers):
    return PresignedUpload(
        upload_id=1,
        presigned_url="https://store.test/take?signature=s",
        s3_key="take",
        expiration_time=datetime(2024, 1, 1, tzinfo=UTC),
        method="PUT",
        headers=headers,
    )


def a_file(folder, content):
    file = folder / "take.webm"
    file.write_bytes(content)
    return file
