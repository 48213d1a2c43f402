"""Errors as HTTP answers: a table of errors, and one envelope for all of them."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Response
from litestar.exceptions import HTTPException
from litestar.types import Scope
from msgspec import Meta
from msgspec.structs import replace

from orak.application.ports.failures import StaleVersion, Unavailable
from orak.application.ports.object_server import InvalidSignature, LengthMismatch, ObjectExists
from orak.application.ports.storage import ObjectMissing
from orak.application.ports.tokens import InvalidToken
from orak.application.waits import WaitEnded
from orak.domain.errors import (
    AdminRequired,
    IdempotencyMismatch,
    OrakError,
    PermissionDenied,
    Problem,
    ProblemCode,
    RecordExists,
    RecordNotFound,
    Rejected,
    SongNotFound,
    SongsOfApp,
    StateConflict,
    UploadNotFound,
    UserUnknown,
    WrongState,
)
from orak.domain.policies.retries import UNAVAILABLE_DELAY
from orak.domain.times import WholeSeconds, whole_seconds
from orak.domain.webhooks import DeliveryNotFound, EndpointNotFound
from orak.entrypoints.http.answers.error_codes import STATUSES, ErrorCode
from orak.entrypoints.http.answers.languages import Language, language_of
from orak.entrypoints.http.answers.messages import error_text, general_text, part_text, problem_text
from orak.entrypoints.http.answers.request_ids import request_id_of
from orak.entrypoints.http.api import ApiResponse, json_response
from orak.entrypoints.http.call_notes import note_code
from orak.entrypoints.http.request_headers import headers_of
from orak.entrypoints.http.routing import AnyRequest
from orak.entrypoints.running import Running

_log = logging.getLogger(__name__)

_C = ErrorCode

ERRORS: Mapping[type[OrakError], tuple[int, ErrorCode]] = {
    Rejected: (400, _C.VALIDATION_FAILED),
    LengthMismatch: (400, _C.VALIDATION_FAILED),
    InvalidToken: (401, _C.UNAUTHORIZED),
    PermissionDenied: (403, _C.RECORD_PERMISSION_DENIED),
    AdminRequired: (403, _C.FORBIDDEN),
    UserUnknown: (403, _C.FORBIDDEN),
    InvalidSignature: (403, _C.FORBIDDEN),
    RecordNotFound: (404, _C.RECORD_NOT_FOUND),
    EndpointNotFound: (404, _C.NOT_FOUND),
    DeliveryNotFound: (404, _C.NOT_FOUND),
    UploadNotFound: (404, _C.RECORD_OPERATION_FAILED),
    SongNotFound: (404, _C.RECORD_OPERATION_FAILED),
    ObjectMissing: (404, _C.NOT_FOUND),
    SongsOfApp: (409, _C.CONFLICT),
    RecordExists: (409, _C.RECORD_OPERATION_FAILED),
    StateConflict: (409, _C.CONFLICT),
    StaleVersion: (409, _C.CONFLICT),
    ObjectExists: (412, _C.PRECONDITION_FAILED),
    IdempotencyMismatch: (422, _C.IDEMPOTENCY_CONFLICT),
    Unavailable: (503, _C.UNAVAILABLE),
}
"""Status and code of each error of orak. An error missing here is a bug and becomes INTERNAL."""

_BLOCKS_CREATION = {WrongState.UPLOAD_FAILED, WrongState.UPLOAD_CANCELLED}

_FRAMEWORK: Mapping[int, ErrorCode] = {
    404: _C.NOT_FOUND,
    405: _C.METHOD_NOT_ALLOWED,
    413: _C.PAYLOAD_TOO_LARGE,
    415: _C.UNSUPPORTED_MEDIA_TYPE,
}
"""Codes of Litestar's own errors. Any other 4xx of Litestar means that the request cannot be read."""

_HEADERS: Mapping[ErrorCode, dict[str, str]] = {
    _C.UNAUTHORIZED: {"WWW-Authenticate": "Bearer"},
    _C.UNAVAILABLE: {"Retry-After": f"{UNAVAILABLE_DELAY.total_seconds():.0f}"},
}


class ErrorDetail(msgspec.Struct, frozen=True):
    """One wrong field or parameter, or one part of orak that does not answer."""

    field: Annotated[str, Meta(description="Name of the field, parameter or part, as the client writes it.")]
    code: Annotated[str, Meta(description="What is wrong, for programs, such as `REQUIRED` or `INVALID`.")]
    message: Annotated[str, Meta(description="What is wrong, for people, in the language of the answer.")]


class ErrorView(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What went wrong."""

    code: Annotated[ErrorCode, Meta(description="What went wrong, for programs. Codes are stable.")]
    message: Annotated[str, Meta(description="What went wrong, for people, in the language of the answer.")]
    timestamp: Annotated[
        WholeSeconds, Meta(description="When the error happened.", extra_json_schema={"format": "date-time"})
    ]
    path: Annotated[str, Meta(description="Path of the request without its query.")]
    request_id: Annotated[str, Meta(description="Id of the request, as in `X-Request-Id` and in the log.")]
    details: Annotated[list[ErrorDetail], Meta(description="Every wrong field at once; otherwise empty.")]


class ErrorEnvelope(msgspec.Struct, frozen=True):
    """The body of every error."""

    error: Annotated[ErrorView, Meta(description="The error.")]


class HttpError(Exception):
    """An error of HTTP alone, such as an unsupported media type or an unsatisfiable range."""

    def __init__(self, code: ErrorCode, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.headers = headers or {}


class NotReady(Exception):
    """Some parts of orak do not answer, or the process is about to shut down."""

    def __init__(self, parts: list[str]) -> None:
        super().__init__(f"not ready: {', '.join(parts)}")
        self.parts = parts


def litestar_error_response(request: AnyRequest, error: Exception) -> Response[bytes]:
    """Return the response to *error*; Litestar calls this for every exception of its routes."""
    answer = error_response(error, request.scope)
    return Response(
        answer.body, status_code=answer.status, headers=answer.headers, media_type=answer.media_type
    )


def error_response(error: Exception, scope: Scope) -> ApiResponse:
    """Return the answer to *error* in the language that the client of *scope* prefers."""
    running: Running = scope["litestar_app"].state.running
    note_code(scope, _classify(error)[1])
    return describe_error(
        error,
        language_of(headers_of(scope)),
        path=running.settings.base_path + scope["path"],
        request_id=request_id_of(scope),
        at=running.clock.now(),
    )


def describe_error(
    error: Exception, language: Language, *, path: str, request_id: str, at: datetime
) -> ApiResponse:
    """Return the answer to *error*. An unexpected error is logged, and the client learns only INTERNAL."""
    status, code, headers = _classify(error)
    if code is ErrorCode.INTERNAL:
        extra = {"event": "request_error", "requestId": request_id}
        _log.error("request %s failed", request_id, exc_info=error, extra=extra)
    view = ErrorView(
        code=code,
        message=error_text(error, language) or general_text(code, language),
        timestamp=whole_seconds(at),
        path=path,
        request_id=request_id,
        details=_details(error, language),
    )
    headers |= {
        "Cache-Control": "no-store",  # caches may otherwise keep a 404 or 405 (RFC 9111 §4.2.2)
        "Content-Language": language,
        "Vary": "Accept-Language",
    }
    return json_response(ErrorEnvelope(view), headers, status)


def on_the_wire(problem: Problem) -> Problem:
    """Return *problem* with the name of its field in camelCase, as HTTP writes it.

    Names that came from HTTP stay as they are: headers, parameters, and unknown fields of the client.
    """
    if problem.code is ProblemCode.UNKNOWN_FIELD:
        return problem
    first, *rest = problem.field.split("_")
    return replace(problem, field=first + "".join(word.capitalize() for word in rest))


def _classify(error: Exception) -> tuple[int, ErrorCode, dict[str, str]]:
    status, code, headers = 500, ErrorCode.INTERNAL, {}
    match error:
        case HttpError():
            status, code, headers = STATUSES[error.code][0], error.code, dict(error.headers)
        case NotReady():
            status, code = ERRORS[Unavailable]
        case WaitEnded():
            status, code = ERRORS[Unavailable]
            headers = {"Connection": "close"}  # the rest of the body will not be read
        case StateConflict() if error.why in _BLOCKS_CREATION:
            status, code = ERRORS[RecordExists]
        case OrakError():
            status, code = ERRORS.get(type(error), (status, code))
        case HTTPException(status_code=refused) if 400 <= refused < 500:
            code = _FRAMEWORK.get(refused, ErrorCode.VALIDATION_FAILED)
            status, headers = STATUSES[code][0], _sorted_allow(error)
    return status, code, headers | _HEADERS.get(code, {})


def _sorted_allow(error: HTTPException) -> dict[str, str]:
    """Return `Allow` in a stable order: Litestar's changes from one process to the next."""
    methods = (error.headers or {}).get("allow")
    return {"Allow": ", ".join(sorted(methods.split(", ")))} if methods else {}


def _details(error: Exception, language: Language) -> list[ErrorDetail]:
    match error:
        case Rejected():
            return [
                ErrorDetail(problem.field, problem.code, problem_text(problem, language))
                for problem in map(on_the_wire, error.problems)
            ]
        case NotReady():
            return [
                ErrorDetail(part, ErrorCode.UNAVAILABLE, part_text(part, language)) for part in error.parts
            ]
        case _:
            return []
