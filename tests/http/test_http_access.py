"""Access: every route without a token, as another user and as the owner; and pages of other origins."""

import json
import logging
import re
from datetime import timedelta
from urllib.parse import quote

import httpx
import pytest
from litestar.routes import HTTPRoute
from msgspec.structs import replace

from http_api import (
    NEW_UPLOAD,
    OWNER,
    SETTINGS,
    Api,
    an_api,
    convert,
    create_record,
    presign,
    refusal,
    upload,
)
from orak.application.ports.converter import DecoderDied
from orak.domain.policies.retries import MAX_FAILURES_WHEN_KILLED
from orak.domain.processing import FailureCode
from orak.entrypoints.http.app import API, SERVED_BY_LITESTAR
from orak.entrypoints.http.openapi.document import document
from orak.entrypoints.settings.logs import JsonFormatter, TextFormatter

TITLE = {"title": "다른 제목"}
OPERATOR = 77

# Statuses without a token, as another user, as an operator who owns nothing, as the owner. Upload 1 has
# a failed record, upload 2 no bytes. Operators get no further than other users where records have an owner.
EVERY_ROUTE = [
    ("POST", "/records/async/presigned-url", NEW_UPLOAD, (401, 200, 200, 200)),
    ("POST", "/records/async", {"title": "t", "uploadId": 2}, (401, 403, 403, 200)),
    ("GET", "/records/async/me", None, (401, 200, 200, 200)),
    ("GET", "/records/async/{record_id}", None, (401, 403, 403, 200)),
    ("PATCH", "/records/async/{record_id}", TITLE, (401, 403, 403, 200)),
    ("POST", "/records/async/{record_id}/retry", None, (401, 403, 403, 200)),
    ("DELETE", "/records/async/{record_id}", None, (401, 403, 403, 204)),
    ("GET", "/records/async/uploads/{upload_id}", None, (401, 403, 403, 200)),
    ("DELETE", "/records/async/uploads/{upload_id}", None, (401, 403, 403, 409)),
    ("GET", "/records/async/events", None, (401, 200, 200, 200)),
    ("POST", "/records/async/live/ticket", None, (401, 200, 200, 200)),
    *(
        (method, f"{batch}/{path}", None, (401, 403, status, 403))
        for batch in ("/records/async/batch", "/batch")
        for method, path, status in (
            ("PUT", "size", 400),
            ("POST", "trigger", 200),
            ("GET", "statistics", 200),
            ("GET", "orphans", 200),
            ("GET", "failures", 200),
            ("POST", "failures/{upload_id}/retry", 200),
        )
    ),
    ("GET", "/records/async/webhooks", None, (401, 403, 200, 403)),
    ("POST", "/records/async/webhooks", None, (401, 403, 400, 403)),
    ("GET", "/records/async/webhooks/{webhook_id}", None, (401, 403, 404, 403)),
    ("PATCH", "/records/async/webhooks/{webhook_id}", None, (401, 403, 400, 403)),
    ("DELETE", "/records/async/webhooks/{webhook_id}", None, (401, 403, 404, 403)),
    ("POST", "/records/async/webhooks/{webhook_id}/rotate", None, (401, 403, 404, 403)),
    ("GET", "/records/async/webhooks/{webhook_id}/deliveries", None, (401, 403, 404, 403)),
    (
        "POST",
        "/records/async/webhooks/{webhook_id}/deliveries/{delivery_id}/replay",
        None,
        (401, 403, 404, 403),
    ),
    ("POST", "/records/async/webhooks/{webhook_id}/replay", None, (401, 403, 400, 403)),
    ("PUT", "/storage/{key}", None, (403, 403, 403, 403)),
    ("GET", "/media/{key}", None, (404, 404, 404, 404)),
    ("HEAD", "/media/{key}", None, (404, 404, 404, 404)),
    ("GET", "/health/live", None, (200, 200, 200, 200)),
    ("GET", "/health/ready", None, (200, 200, 200, 200)),
    ("GET", "/metrics", None, (200, 200, 200, 200)),
    ("GET", "/", None, (200, 200, 200, 200)),
    ("GET", "/operator", None, (200, 200, 200, 200)),
    ("GET", "/static/{path}", None, (404, 404, 404, 404)),
    ("GET", "/client/{path}", None, (404, 404, 404, 404)),
    ("GET", "/docs", None, (200, 200, 200, 200)),
    ("GET", "/docs/assets/{name}", None, (404, 404, 404, 404)),
    ("GET", "/openapi.json", None, (200, 200, 200, 200)),
]


DOCUMENT = document(API, SERVED_BY_LITESTAR)


def snake_to_camel(path: str) -> str:
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), path)


async def a_failed_record(api: Api, owner) -> None:
    record = await create_record(owner, await upload(owner), title="비밀 노래")
    for _ in range(MAX_FAILURES_WHEN_KILLED):
        api.service.clock.advance(timedelta(minutes=10))
        api.service.converter.errors.append(DecoderDied(FailureCode.DECODER_CRASHED))
        await convert(api, record)
    await presign(owner)


async def test_the_table_lists_every_route(api):
    routes = {
        (method, route.path_format)
        for route in api.app.routes
        if isinstance(route, HTTPRoute)  # test_http_live tests the WebSocket
        for method in route.methods
        if method != "OPTIONS"
    }
    calls = [(route.method, route.path) for routes in API for route in routes]
    assert len(calls) == len(set(calls)), "every call has one handler"
    assert routes.isdisjoint(calls)
    routes |= {*calls, *(("HEAD", path) for method, path in calls if method == "GET")}
    listed = {(method, path) for method, path, _, _ in EVERY_ROUTE}
    assert routes == listed | {("HEAD", path) for method, path in listed if method == "GET"}


@pytest.mark.parametrize(("method", "path", "body", "expected"), EVERY_ROUTE)
async def test_each_route_admits_only_callers_with_the_right(
    api, anonymous, other_user, owner, method, path, body, expected
):
    await a_failed_record(api, owner)
    operator = await api.caller(OPERATOR, scopes=("admin",))
    key = "recordings/00000000-0000-4000-8000-000000000001_take.webm"
    template = path
    for part, value in (
        ("{record_id}", "1"),
        ("{upload_id}", "1"),
        ("{webhook_id}", "1"),
        ("{delivery_id}", "1"),
        ("/{key}", f"/{key}"),
        ("{name}", "x"),
        ("{path}", "x"),
    ):
        path = path.replace(part, value)
    declared = DOCUMENT["paths"].get(snake_to_camel(template), {}).get(method.lower())
    method = "HEAD" if path == "/records/async/events" else method  # its body has no end
    for caller, status in zip((anonymous, other_user, operator, owner), expected, strict=True):
        answer = await caller.request(method, path, json=body)
        assert answer.status_code == status, answer.text
        assert declared is None or str(status) in declared["responses"]
        if caller is not owner and path != "/openapi.json":
            assert "비밀" not in answer.text
            # The metrics name every failure code, whether or not it occurred.
            assert caller is operator or path == "/metrics" or "DECODER_CRASHED" not in answer.text
        if status == 403 and not path.startswith("/storage"):
            operators = path.startswith(("/batch", "/records/async/batch", "/records/async/webhooks"))
            assert refusal(answer) == (403, "FORBIDDEN" if operators else "RECORD_PERMISSION_DENIED")


async def test_options_lists_the_methods_and_needs_no_token(anonymous):
    for path, methods in (
        ("/records/async/1", "DELETE, GET, HEAD, OPTIONS, PATCH"),
        ("/records/async/batch/size", "OPTIONS, PUT"),
    ):
        answer = await anonymous.options(path)
        assert (answer.status_code, answer.headers["allow"]) == (204, methods)


PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
ALLOWED, NEIGHBOUR = "https://app.example.com", "https://appXexample.com"


async def test_a_page_of_an_allowed_origin_may_call(anonymous):
    answer = await anonymous.options("/records/async", headers=PREFLIGHT | {"Origin": ALLOWED})
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == ALLOWED
    assert answer.headers["access-control-allow-methods"] == "OPTIONS, POST"
    for header in ("Authorization", "Content-Type", "Idempotency-Key", "Prefer", "If-None-Match"):
        assert header in answer.headers["access-control-allow-headers"]
    answer = await anonymous.get("/records/async/1", headers={"Origin": ALLOWED})
    assert answer.headers["access-control-allow-origin"] == ALLOWED
    for header in ("ETag", "Link", "X-Request-Id", "Location", "Retry-After", "Preference-Applied"):
        assert header in answer.headers["access-control-expose-headers"]


@pytest.mark.parametrize(
    "origin",
    [NEIGHBOUR, "https://app.example.com.evil.example", "http://app.example.com", "null", ALLOWED + "/"],
)
async def test_a_page_of_another_origin_gets_no_cors_headers(anonymous, origin):
    for answer in (
        await anonymous.options("/records/async", headers=PREFLIGHT | {"Origin": origin}),
        await anonymous.get("/records/async/1", headers={"Origin": origin}),
        await anonymous.get("/nothing", headers={"Origin": origin}),
    ):
        assert not [header for header in answer.headers if header.startswith("access-control")]
        assert "Origin" in answer.headers["vary"]


async def test_an_allowed_page_can_read_errors_too(anonymous):
    for path in ("/records/async/1", "/nothing"):
        answer = await anonymous.get(path, headers={"Origin": ALLOWED})
        assert answer.headers["access-control-allow-origin"] == ALLOWED
        assert answer.headers["vary"] == "Accept-Language, Origin"


async def test_a_browser_may_put_to_a_signed_url(owner, anonymous):
    signed = await presign(owner)
    preflight = {"Origin": ALLOWED, "Access-Control-Request-Method": "PUT"}
    answer = await anonymous.options(signed["presignedUrl"], headers=preflight)
    assert "PUT" in answer.headers["access-control-allow-methods"]
    headers = signed["headers"] | {"Origin": ALLOWED}
    answer = await anonymous.put(signed["presignedUrl"], content=b"abc", headers=headers)
    assert answer.headers["access-control-allow-origin"] == ALLOWED


async def test_a_star_allows_pages_of_every_origin():
    async with an_api(replace(SETTINGS, cors_origins=("*",))) as api:
        anonymous = await api.caller(None)
        answer = await anonymous.get("/records/async/1", headers={"Origin": NEIGHBOUR})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "Origin" not in answer.headers["vary"]


async def test_the_access_log_holds_no_secret_and_no_file_name(api, owner, anonymous, caplog):
    caplog.set_level(logging.INFO)
    signed = await presign(owner, originalFilename="엄마.webm")
    await anonymous.put(signed["presignedUrl"], content=b"abc", headers=signed["headers"])
    await anonymous.get(signed["presignedUrl"])
    await owner.get("/records/async/1?token=s3cret", headers={"X-Request-Id": "seen"})
    await anonymous.get("/no/such/s3cret")
    await owner.get("/records/async/1%0AERROR%20forged")
    records = [record for record in caplog.records if record.name.startswith("orak")]
    lines = [JsonFormatter().format(record) for record in records]
    fields = [json.loads(line) for line in lines]
    assert {
        "method": "GET",
        "path": "/records/async/1",
        "status": 404,
        "requestId": "seen",
        "userId": OWNER,
        "outcome": "refused",
        "code": "RECORD_NOT_FOUND",
    }.items() <= next(line for line in fields if line.get("requestId") == "seen").items()
    assert {(line["method"], line["path"], line["status"], line["outcome"]) for line in fields} >= {
        ("GET", "/records/async/1%0AERROR%20forged", 404, "refused"),
        ("PUT", "/storage/{key}", 200, "ok"),
        ("GET", "(unknown path)", 404, "refused"),
    }
    everything = "\n".join(
        TextFormatter().format(record)
        for record in caplog.records
        if not record.name.startswith("httpx")  # the caller's
    )
    signature = httpx.URL(signed["presignedUrl"]).params["signature"]
    for secret in ("s3cret", "엄마", quote("엄마"), signature, owner.headers["Authorization"].split()[1]):
        assert secret not in everything
    for secret in ("signature", "s3cret", "엄마", api.token(OWNER)):
        assert not [line for line in lines if secret in line]


async def test_head_answers_the_headers_of_get_without_the_body(anonymous, owner):
    await create_record(owner, await upload(owner))
    for path in (
        "/records/async/me",
        "/records/async/1",
        "/records/async/uploads/1",
        "/health/live",
        "/docs",
    ):
        read, asked = await owner.get(path), await owner.head(path)
        assert (asked.status_code, asked.content) == (200, b"")
        for header in ("content-type", "content-length", "etag", "cache-control", "vary"):
            assert asked.headers.get(header) == read.headers.get(header)
    refused = await anonymous.head("/records/async/1")
    assert (refused.status_code, refused.content) == (401, b"")


async def test_a_preflight_of_an_unknown_path_is_a_404_without_permissions(anonymous):
    preflight = {"Origin": ALLOWED, "Access-Control-Request-Method": "PUT"}
    answer = await anonymous.options("/nowhere", headers=preflight)
    assert refusal(answer) == (404, "NOT_FOUND")
    assert "access-control-allow-methods" not in answer.headers
