"""What a refusal is in HTTP: one table of codes, one of orak's errors, one envelope for everything."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from litestar import Response
from litestar.exceptions import HTTPException

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
    RecordExists,
    RecordNotFound,
    Rejected,
    SongNotFound,
    StateConflict,
    UploadNotFound,
    WrongState,
)
from orak.domain.policies.retries import UNAVAILABLE_DELAY
from orak.domain.webhooks import DeliveryNotFound, EndpointNotFound
from orak.entrypoints.http.answers.error_codes import STATUSES, ErrorCode
from orak.entrypoints.http.answers.field_names import on_the_wire
from orak.entrypoints.http.answers.languages import Language, language_of
from orak.entrypoints.http.answers.messages import error_text, general_text, part_text, problem_text
from orak.entrypoints.http.answers.views import ErrorDetail, ErrorEnvelope, ErrorView
from orak.entrypoints.http.requests.injection import AnyCall
from orak.entrypoints.http.serving.request_ids import request_id_of

_log = logging.getLogger(__name__)

_C = ErrorCode

ERRORS: Mapping[type[OrakError], tuple[int, ErrorCode]] = {
    Rejected: (400, _C.VALIDATION_FAILED),
    LengthMismatch: (400, _C.VALIDATION_FAILED),
    InvalidToken: (401, _C.UNAUTHORIZED),
    PermissionDenied: (403, _C.RECORD_PERMISSION_DENIED),
    AdminRequired: (403, _C.FORBIDDEN),
    InvalidSignature: (403, _C.FORBIDDEN),
    RecordNotFound: (404, _C.RECORD_NOT_FOUND),
    EndpointNotFound: (404, _C.NOT_FOUND),
    DeliveryNotFound: (404, _C.NOT_FOUND),
    UploadNotFound: (404, _C.RECORD_OPERATION_FAILED),
    SongNotFound: (404, _C.RECORD_OPERATION_FAILED),
    ObjectMissing: (404, _C.NOT_FOUND),
    RecordExists: (409, _C.RECORD_OPERATION_FAILED),
    StateConflict: (409, _C.CONFLICT),
    StaleVersion: (409, _C.CONFLICT),
    ObjectExists: (412, _C.PRECONDITION_FAILED),
    IdempotencyMismatch: (422, _C.IDEMPOTENCY_CONFLICT),
    Unavailable: (503, _C.UNAVAILABLE),
}
"""What orak's own refusals become; any other error is a bug, and INTERNAL."""

_REFUSED_CREATION = {WrongState.UPLOAD_FAILED, WrongState.UPLOAD_CANCELLED}

_FRAMEWORK: Mapping[int, ErrorCode] = {
    404: _C.NOT_FOUND,
    405: _C.METHOD_NOT_ALLOWED,
    413: _C.PAYLOAD_TOO_LARGE,
    415: _C.UNSUPPORTED_MEDIA_TYPE,
}
"""Litestar's own refusals; whatever else of the 400s it finds is a request that cannot be read."""

_HEADERS: Mapping[ErrorCode, dict[str, str]] = {
    _C.UNAUTHORIZED: {"WWW-Authenticate": "Bearer"},
    _C.UNAVAILABLE: {"Retry-After": f"{UNAVAILABLE_DELAY.total_seconds():.0f}"},
}


class Refusal(Exception):
    """A refusal that is HTTP's own: of a method, a media type, a range, a path."""

    def __init__(self, code: ErrorCode, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.headers = headers or {}


class NotReady(Exception):
    """Some parts of orak do not answer."""

    def __init__(self, parts: list[str]) -> None:
        super().__init__(*parts)
        self.parts = parts


def answer(request: AnyCall, error: Exception) -> Response[ErrorEnvelope]:
    """Put *error* into its envelope; one that nobody foresaw is logged, and tells the client nothing."""
    told = tell(
        error,
        language_of(request.headers),
        path=request.scope["path"],
        request_id=request_id_of(request.scope),
        at=request.app.state.running.clock.now(),
    )
    return Response(
        told.envelope, status_code=told.status, headers=told.headers, media_type="application/json"
    )


class Told(NamedTuple):
    """A refusal in HTTP's terms."""

    status: int
    headers: dict[str, str]
    envelope: ErrorEnvelope


def tell(error: Exception, language: Language, *, path: str, request_id: str, at: datetime) -> Told:
    """Say what *error* is to a client."""
    status, code, headers = _classify(error)
    if code is ErrorCode.INTERNAL:
        _log.error("request %s failed", request_id, exc_info=error)
    view = ErrorView(
        code=code,
        message=error_text(error, language) or general_text(code, language),
        timestamp=at,
        path=path,
        request_id=request_id,
        details=_details(error, language),
    )
    headers |= {
        "Cache-Control": "no-store",  # a 404 or 405 may else be kept by any cache (RFC 9111 §4.2.2)
        "Content-Language": language,
        "Vary": "Accept-Language",
    }
    return Told(status, headers, ErrorEnvelope(view))


def _classify(error: Exception) -> tuple[int, ErrorCode, dict[str, str]]:
    status, code, headers = 500, ErrorCode.INTERNAL, {}
    match error:
        case Refusal():
            status, code, headers = STATUSES[error.code][0], error.code, dict(error.headers)
        case NotReady():
            status, code = ERRORS[Unavailable]
        case WaitEnded():
            status, code = ERRORS[Unavailable]
            headers = {"Connection": "close"}  # what is still to come of the body will not be read
        case StateConflict() if error.why in _REFUSED_CREATION:
            status, code = ERRORS[RecordExists]
        case OrakError():
            status, code = ERRORS.get(type(error), (status, code))
        case HTTPException(status_code=refused) if 400 <= refused < 500:
            code = _FRAMEWORK.get(refused, ErrorCode.VALIDATION_FAILED)
            status, headers = STATUSES[code][0], _allowed(error)
    return status, code, headers | _HEADERS.get(code, {})


def _allowed(error: HTTPException) -> dict[str, str]:
    """Litestar lists the methods of a path in an order that changes from one process to the next."""
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
