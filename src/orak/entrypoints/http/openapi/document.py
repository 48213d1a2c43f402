"""The OpenAPI 3.1 document. `python -m orak.entrypoints.http.openapi` prints it.

It is put together by hand, because handlers decode their requests themselves (Litestar would know nothing of
the four ways to send parameters). What can be taken from code is: the shapes of answers from `views`, codes
and statuses from `error_codes`, rules from the use cases. A test holds it against the routes.
"""

from collections.abc import Iterable
from functools import cache

import msgspec

from orak import __version__
from orak.entrypoints.http.answers.error_codes import STATUSES, ErrorCode
from orak.entrypoints.http.answers.languages import Language
from orak.entrypoints.http.answers.live_views import LiveView, TicketView
from orak.entrypoints.http.answers.messages import general_text
from orak.entrypoints.http.answers.operator_views import (
    BatchSizeView,
    OperatedUploadView,
    StatisticsView,
    TriggeredView,
)
from orak.entrypoints.http.answers.views import (
    ErrorEnvelope,
    HealthView,
    RecordView,
    SignedUploadView,
    UploadView,
)
from orak.entrypoints.http.answers.webhook_views import (
    DeliveryView,
    EndpointSecretView,
    EndpointView,
    ReplayedView,
)
from orak.entrypoints.http.openapi import parts
from orak.entrypoints.http.openapi.examples import EXAMPLES
from orak.entrypoints.http.openapi.operations import OPERATIONS, Operation
from orak.entrypoints.http.openapi.webhook_operations import WEBHOOK_OPERATIONS

_INTRODUCTION = """\
A browser or phone records, asks for a signed URL, sends the bytes straight to the store, then names the take:

1. `POST /records/async/presigned-url`
2. `PUT` the bytes to `presignedUrl`, with exactly the `headers` of the answer
3. `POST /records/async` with the `uploadId` and a title

Times are RFC 3339 in UTC. Ids fit into a JavaScript number. Every error has the same envelope; its messages
are Korean, or English where `Accept-Language` prefers it, and its `code` is for programs. HEAD works wherever
GET does.
"""

_TAGS = {
    "uploads": "Sending the bytes of a take.",
    "records": "Naming takes, and having them converted.",
    "live": "Following one's takes as they are converted.",
    "operators": "Looking after background conversion, with the scope `admin`.",
    "webhooks": "Telling other services what happens, with the scope `admin`.",
    "objects": "Orak's own object store: where signed URLs lead when there is no S3, and published takes.",
    "health": "Signs of life.",
}

_ERROR_HEADERS = {
    401: ("WWW-Authenticate",),
    405: ("Allow",),
    416: ("Content-Range",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}


def document() -> dict[str, object]:
    """Return the document."""
    _, schemas = msgspec.json.schema_components(
        (
            ErrorEnvelope,
            HealthView,
            RecordView,
            SignedUploadView,
            UploadView,
            BatchSizeView,
            TriggeredView,
            StatisticsView,
            OperatedUploadView,
            LiveView,
            TicketView,
            EndpointView,
            EndpointSecretView,
            DeliveryView,
            ReplayedView,
        ),
        ref_template="#/components/schemas/{name}",
    )
    paths: dict[str, dict[str, object]] = {}
    for operation in (*OPERATIONS, *WEBHOOK_OPERATIONS):
        paths.setdefault(operation.path, {})[operation.method] = _described(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "orak",
            "version": __version__,
            "summary": "The recording service of a karaoke app.",
            "description": _INTRODUCTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "tags": [{"name": name, "description": description} for name, description in _TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": {
                name: schema | ({"examples": [EXAMPLES[name]]} if name in EXAMPLES else {})
                for name, schema in (schemas | parts.REQUESTS).items()
            },
            "headers": {
                name: {"description": description, "schema": {"type": kind}}
                for name, (description, kind) in parts.HEADERS.items()
            },
            "examples": {code.value: _example(code) for code in ErrorCode},
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "`sub` is the user id, as a decimal string.",
                }
            },
        },
    }


@cache
def rendered_document() -> bytes:
    """Return the document as JSON, readable and the same each time."""
    return msgspec.json.format(msgspec.json.encode(document()), indent=2) + b"\n"


def _described(operation: Operation) -> dict[str, object]:
    summary, _, rest = operation.rule.partition("\n")
    errors = {*operation.errors, ErrorCode.UNAVAILABLE, ErrorCode.INTERNAL}
    if not operation.public:
        errors.add(ErrorCode.UNAUTHORIZED)
    described: dict[str, object] = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": summary.rstrip("."),
        "description": rest.strip() or summary,
        "parameters": [*operation.parameters, parts.ACCEPT_LANGUAGE],
        "responses": {**operation.success, **_refusals(errors, operation)},
    }
    if operation.body:
        described["requestBody"] = operation.body
    if operation.public:
        described["security"] = []
    return described


def _refusals(codes: Iterable[ErrorCode], operation: Operation) -> dict[str, object]:
    by_status: dict[int, list[ErrorCode]] = {}
    for code in sorted(codes, key=list(ErrorCode).index):
        for status in STATUSES[code]:
            # A record's own path refuses a song or an upload that is not there, and never one that is taken.
            if not (
                code is ErrorCode.RECORD_OPERATION_FAILED and status == 409 and operation.method != "post"
            ):
                by_status.setdefault(status, []).append(code)
    return {
        str(status): {
            "description": "; ".join(
                f"`{code}`: {general_text(code, Language.ENGLISH)}" for code in by_status[status]
            ),
            "headers": parts.headers("X-Request-Id", *_ERROR_HEADERS.get(status, ())),
            "content": {
                "application/json": {
                    "schema": parts.reference("schemas", "ErrorEnvelope"),
                    "examples": {
                        code.value: parts.reference("examples", code.value) for code in by_status[status]
                    },
                }
            },
        }
        for status in sorted(by_status)
    }


def _example(code: ErrorCode) -> dict[str, object]:
    details: list[dict[str, str]] = []
    if code is ErrorCode.VALIDATION_FAILED:
        details.append({"field": "title", "code": "REQUIRED", "message": "제목은 필수입니다"})
    return {
        "summary": general_text(code, Language.ENGLISH),
        "value": {
            "error": {
                "code": code.value,
                "message": general_text(code, Language.KOREAN),
                "timestamp": "2024-01-01T12:00:00Z",
                "path": "/records/async/12345",
                "requestId": "7f1c2a52c3f04f1e9a4d6f1c2a52c3f0",
                "details": details,
            }
        },
    }
