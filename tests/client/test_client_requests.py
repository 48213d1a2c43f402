"""Failures that a real server seldom produces: lost responses, proxies' pages, misleading links."""

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
from orak.client.content_types import UnsupportedAudio, content_type_of
from orak.domain.formats import ACCEPTED, EXTENSIONS
from scripted_api import RECORD


def record(status=200, headers=None, **fields):
    return httpx.Response(status, json=RECORD | fields, headers=headers)


def test_a_call_is_sent_again_with_the_same_key_when_the_server_asks_for_it(scripted):
    orak, api = scripted(
        *(httpx.Response(status, headers={"Retry-After": "0"}) for status in (503, 429)), record()
    )
    assert orak.create("한 곡", 1).title == "한 곡"
    keys = {request.headers["Idempotency-Key"] for request in api.requests}
    assert len(api.requests) == 3
    assert len(keys) == 1


@pytest.mark.parametrize("lost", [httpx.ReadError("reset"), httpx.ReadTimeout("late"), 502])
def test_a_call_whose_response_was_lost_is_sent_again_where_that_is_safe(scripted, lost):
    orak, api = scripted(lost, record())
    assert orak.create("한 곡", 1).id == 1
    assert len(api.requests) == 2


def test_a_retry_whose_response_was_lost_is_not_sent_twice(scripted):
    orak, api = scripted(httpx.ReadError("reset"))
    with pytest.raises(Unreachable):
        orak.retry(1)
    assert len(api.requests) == 1


def test_a_call_that_was_never_sent_is_always_sent_again(scripted):
    orak, api = scripted(httpx.ConnectError("refused"), record())
    assert orak.retry(1).id == 1
    assert len(api.requests) == 2


def test_the_client_gives_up_after_four_attempts(scripted):
    orak, api = scripted(*[httpx.ConnectError("refused")] * 4)
    with pytest.raises(Unreachable, match="refused") as unreachable:
        orak.get(1)
    assert isinstance(unreachable.value.__cause__, httpx.ConnectError)
    assert len(api.requests) == 4


def test_a_long_retry_after_is_not_waited_for(scripted):
    orak, api = scripted(httpx.Response(503, headers={"Retry-After": "3600"}))
    with pytest.raises(OrakApiError) as refused:
        orak.get(1)
    assert refused.value.status == 503
    assert len(api.requests) == 1


def test_a_deletion_whose_response_was_lost_counts_as_done(scripted):
    orak, _ = scripted(httpx.ReadError("reset"), 404)
    orak.delete(1)


def test_a_response_from_another_server_raises_unreadable_answer(scripted):
    orak, _ = scripted(
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


def test_an_unchanged_record_is_the_known_object(scripted):
    orak, api = scripted(record(headers={"ETag": 'W/"1"'}), 304)
    known = orak.get(1)
    assert orak.get(1, known=known) is known
    assert api.requests[1].headers["If-None-Match"] == 'W/"1"'


def test_the_next_page_comes_from_the_base_url_whatever_host_the_link_names(scripted):
    link = '<https://thief.example/records/async/me?limit=200&cursor=abc>; rel="next"'
    orak, api = scripted(
        httpx.Response(200, json=[RECORD], headers={"Link": link}), httpx.Response(200, json=[])
    )
    assert len(list(orak.records())) == 1
    assert str(api.requests[1].url) == "http://orak.test/records/async/me?limit=200&cursor=abc"


def test_the_store_receives_the_signed_headers_and_no_token(scripted, tmp_path):
    orak, api = scripted(200)
    headers = {"Content-Type": "audio/webm", "If-None-Match": "*"}
    orak.put(a_presigned(headers), a_file(tmp_path, b"abc"))
    sent = {"host": "store.test", "content-length": "3", "content-type": "audio/webm", "if-none-match": "*"}
    assert dict(api.requests[0].headers) == sent
    assert str(api.requests[0].url) == "https://store.test/recording?signature=s"


def test_a_broken_put_is_sent_again_from_the_beginning(scripted, tmp_path):
    orak, api = scripted(httpx.WriteError("broken"), 412)
    progress = []
    orak.put(a_presigned({}), a_file(tmp_path, b"abc"), lambda *count: progress.append(count))
    assert len(api.requests) == 2
    assert progress[-1] == (3, 3)


def test_an_error_of_the_store_is_raised(scripted, tmp_path):
    orak, _ = scripted(httpx.Response(403, text="<Error><Code>SignatureDoesNotMatch</Code></Error>"))
    with pytest.raises(OrakApiError) as refused:
        orak.put(a_presigned({}), a_file(tmp_path, b"abc"))
    assert (refused.value.status, refused.value.code) == (403, "HTTP_403")


def test_a_store_without_conditional_puts_gets_a_plain_one(scripted, tmp_path):
    def presigned(upload_id, headers):
        url = {"uploadId": upload_id, "presignedUrl": "https://store.test/recording", "s3Key": "k"}
        more = {"expirationTime": "2026-01-01T00:00:00Z", "method": "PUT", "headers": headers}
        return httpx.Response(200, json=url | more)

    orak, api = scripted(presigned(1, {"If-None-Match": "*"}), 501, 204, presigned(2, {}), 200, record())
    orak.upload(a_file(tmp_path, b"abc"), "한 곡")
    asked = [json.loads(request.content)["createOnly"] for request in (api.requests[0], api.requests[3])]
    assert asked == [True, False]
    assert (api.requests[2].method, api.requests[2].url.path) == ("DELETE", "/records/async/uploads/1")
    assert json.loads(api.requests[5].content)["uploadId"] == 2


def test_a_store_that_answers_501_to_a_plain_put_too_is_not_asked_again(scripted, tmp_path):
    orak, api = scripted(501)
    with pytest.raises(OrakApiError, match="501"):
        orak.put(a_presigned({}), a_file(tmp_path, b"abc"))
    assert len(api.requests) == 1


@pytest.mark.parametrize("then", [b"ab", b"abcd"])
def test_a_file_that_changes_while_it_is_sent_raises_file_changed(scripted, tmp_path, then):
    orak, _ = scripted(httpx.WriteError("broken"), 200)
    file = a_file(tmp_path, b"abc")
    with pytest.raises(FileChanged):
        orak.put(a_presigned({}), file, lambda _sent, _total: file.write_bytes(then))


def test_a_call_sends_its_arguments_unchanged(scripted):
    orak, api = scripted(*(record() for _ in range(4)))
    orak.create("한 곡", 1, song_id=2, duration_seconds=3, wait=5)
    orak.change(1, song_id=3)
    orak.change(1, song_id=None)
    orak.change(1, title="두 곡")
    assert json.loads(api.requests[0].content) == {
        "title": "한 곡",
        "uploadId": 1,
        "songId": 2,
        "durationSeconds": 3,
    }
    assert api.requests[0].headers["Prefer"] == "wait=5"
    assert api.requests[0].headers["Authorization"] == "Bearer secret-token"
    assert json.loads(api.requests[1].content) == {"songId": 3}
    assert json.loads(api.requests[2].content) == {"songId": None}
    assert json.loads(api.requests[3].content) == {"title": "두 곡"}


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://orak.test", "http://", "http://orak:port", ""])
def test_a_base_url_that_is_not_http_is_refused_at_once(client_of, url):
    with pytest.raises(ValueError, match="URL"):
        client_of(url, "token")


@pytest.mark.parametrize("token", ["", "two words", "two\nlines", "한글"])
def test_a_token_that_no_header_can_hold_is_refused_and_not_repeated(client_of, token):
    with pytest.raises(ValueError, match="the token is empty or has characters that tokens cannot have"):
        client_of("http://orak.test", token)


def test_both_clients_have_the_same_calls_and_parameters():
    def calls(kind):
        return {
            name: [*inspect.signature(method).parameters]
            for name, method in vars(kind).items()
            if not name.startswith("_") and callable(method)
        }

    assert calls(OrakClient) == calls(AsyncOrakClient)


@pytest.mark.parametrize("audio", ACCEPTED, ids=lambda audio: audio.extensions[0])
def test_an_accepted_extension_sends_the_first_media_type_of_its_format(audio):
    for extension in audio.extensions:
        assert content_type_of(f"recording.{extension.upper()}") == audio.content_types[0]


def test_the_client_refuses_an_extension_that_orak_refuses_and_names_the_others():
    with pytest.raises(UnsupportedAudio, match=", ".join(EXTENSIONS)):
        content_type_of("recording.exe")


def a_presigned(headers):
    return PresignedUpload(
        upload_id=1,
        presigned_url="https://store.test/recording?signature=s",
        s3_key="recording",
        expiration_time=datetime(2024, 1, 1, tzinfo=UTC),
        method="PUT",
        headers=headers,
    )


def a_file(folder, content):
    file = folder / "recording.webm"
    file.write_bytes(content)
    return file
