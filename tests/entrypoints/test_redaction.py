"""No line of the log holds a secret, a file name or a value of a row, whatever a library logs."""

import json
import logging

import httpx
import pytest
from aiohttp import ClientResponseError, RequestInfo
from asyncpg import NotNullViolationError
from botocore.exceptions import EndpointConnectionError
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from orak.entrypoints.settings.logs import JsonFormatter, TextFormatter
from orak.entrypoints.settings.redaction import redacted

UUID = "0c0f4a1e-6c7b-4f6e-9d5f-2f0b7b1f0a11"
NAME = "엄마_secret song.webm"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJlLW9mLWE"
SIGNED = (
    f"https://bucket.s3.amazonaws.com/recordings/{UUID}_%EC%97%84_secret_song.webm"
    "?X-Amz-Credential=AKIDEXAMPLE%2F2024&X-Amz-Expires=900&X-Amz-Signature=deadbeef"
)
SECRETS = ("AKIDEXAMPLE", "deadbeef", "secret", "song", "%EC%97%84", "엄마", TOKEN, "c2lnbmF0dXJl", "hunter2")


def http_error():
    answer = httpx.Response(403, request=httpx.Request("GET", SIGNED))
    answer.raise_for_status()


def botocore_error():
    raise EndpointConnectionError(endpoint_url=SIGNED)


def aiohttp_error():
    headers = CIMultiDictProxy(CIMultiDict())
    raise ClientResponseError(RequestInfo(URL(SIGNED), "PUT", headers, URL(SIGNED)), (), status=403)


def database_error():
    error = NotNullViolationError('null value in column "x" violates not-null constraint')
    error.detail = "Failing row contains (1, secret song, 엄마)."
    raise error


def file_error():
    raise OSError(28, "No space left on device", f"/data/objects/recordings/{UUID}_{NAME}.object")


def rendition_error():
    raise FileNotFoundError(f"published/{UUID}/12_secret_song.m4a")


def url_error():
    raise ValueError("postgresql://me:hunter2@db.internal/orak does not answer")


def token_error():
    raise RuntimeError(f"the header was 'Authorization: Bearer {TOKEN}', the token {TOKEN}")


ERRORS = [
    http_error,
    botocore_error,
    aiohttp_error,
    database_error,
    file_error,
    rendition_error,
    url_error,
    token_error,
]


@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter()])
@pytest.mark.parametrize("fail", ERRORS)
def test_an_error_of_a_library_is_logged_without_what_it_must_not_hold(fail, formatter):
    with pytest.raises(Exception) as raised:  # noqa: PT011 - each error has another type
        fail()
    error = raised.value
    record = logging.makeLogRecord(
        {"name": "a library", "msg": "failed: %s", "args": (error,), "reason": repr(error)}
    )
    record.exc_info = (type(error), error, None)
    line = formatter.format(record)
    assert type(error).__name__ in line
    assert not [secret for secret in SECRETS if secret in line], line


def test_the_rest_of_a_url_and_of_a_key_stays():
    line = redacted(f"PUT {SIGNED} failed for published/{UUID}/12_secret_song.m4a: time-out")
    assert line == (
        f"PUT https://bucket.s3.amazonaws.com/recordings/{UUID}_(removed)?(removed) failed for "
        f"published/{UUID}/12_(removed): time-out"
    )


@pytest.mark.parametrize(
    "line",
    [
        "the sweep leaves upload 7 to the next sweep: S3 answered 503",
        "listening on http://127.0.0.1:8000/records/async",
        "GET /records/async/me 200",
        "basic rules of a token: none",
        f"recordings/{UUID}",
        f"published/{UUID}/12",
    ],
)
def test_an_ordinary_line_stays_as_it_is(line):
    assert redacted(line) == line


@pytest.mark.parametrize(
    "line",
    [
        "GET /storage/x?expires=1&signature=hunter2 failed",
        "query ticket=hunter2&lastEventId=4",
        "X-Amz-Security-Token=hunter2",
        "redis://:hunter2@10.0.0.1:6379/0",
        "Authorization: Basic aHVudGVyMjpodW50ZXIyaHVudGVyMg==",
    ],
)
def test_a_secret_without_a_whole_url_is_removed(line):
    found = redacted(line)
    assert "hunter2" not in found
    assert "aHVud" not in found


def test_a_line_of_json_stays_json():
    for fail in ERRORS:
        try:
            fail()
        except Exception as error:  # noqa: BLE001 - each error has another type
            record = logging.makeLogRecord({"name": "a", "msg": f'said "{error}"\nand {error!r}'})
            assert json.loads(JsonFormatter().format(record))["event"] == "other"
