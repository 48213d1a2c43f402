"""PageOutcome what a client sent, in whichever form it came, into one flat mapping of names to values."""

import json
from collections.abc import Mapping
from typing import cast
from urllib.parse import parse_qsl

from litestar.exceptions import ClientException, HTTPException, InternalServerException

from orak.domain.errors import Problem, ProblemCode, Rejected
from orak.entrypoints.http.answers.error_codes import ErrorCode
from orak.entrypoints.http.answers.errors import Refusal
from orak.entrypoints.http.requests.injection import AnyCall
from orak.entrypoints.running import Running

MAX_BODY = 16 * 1024
"""No call needs a longer body: a title of 255 characters is 3 KB at its very longest, fully escaped."""

_MAX_PARAMETERS = 100
_MAX_DIGITS = 40  # far beyond 64 bits; Python refuses to read integers of more than 4,300 digits at all

_JSON = {"application/json", "application/merge-patch+json"}


async def read_parameters(request: AnyCall) -> Mapping[str, object]:
    """Read the query and a body that is a form, a FormData or JSON; where both name one, the body wins.

    Of a parameter that is repeated within one of them the last counts.
    """
    body = await _body(request)
    return {**read_query(request), **(await _read_fields(request, body) if body else {})}


async def read_json(request: AnyCall) -> Mapping[str, object]:
    """Read a body that is a JSON object. Raise `Rejected` for one that is none, `Refusal` for other types."""
    body = await _body(request)
    if body and request.content_type[0] not in _JSON:
        raise Refusal(ErrorCode.UNSUPPORTED_MEDIA_TYPE)
    return _parse_json(body)


def read_query(request: AnyCall) -> Mapping[str, str]:
    """Read the query. Raise `Rejected` if it is not percent-encoded UTF-8."""
    return _parse_form(request.scope["query_string"], "query")


def is_repeated(request: AnyCall, name: str) -> bool:
    """Whether the query gives a parameter more than once. Raise `Rejected` like `read_query`."""
    return [given for given, _ in _pairs_of(request.scope["query_string"], "query")].count(name) > 1


async def _body(request: AnyCall) -> bytes:
    running: Running = request.app.state.running
    try:
        async with running.waits.until_shutdown():
            return await request.body()
    except InternalServerException:
        # The client hung up half way: nobody reads this answer, and it is no failure of ours.
        raise ClientException("the body was cut off") from None


async def _read_fields(request: AnyCall, body: bytes) -> Mapping[str, object]:
    match request.content_type[0]:
        case "application/json":
            return _parse_json(body)
        case "application/x-www-form-urlencoded":
            return _parse_form(body, "body")
        case "multipart/form-data":
            return await _read_multipart(request)
        case _:
            raise Refusal(ErrorCode.UNSUPPORTED_MEDIA_TYPE)


def _parse_json(body: bytes) -> Mapping[str, object]:
    # Not msgspec: it refuses a lone surrogate and `Infinity` without saying in which field they stood.
    try:
        value = json.loads(body.decode("utf-8"), parse_int=lambda digits: int(digits[:_MAX_DIGITS]))
    except (ValueError, RecursionError):
        raise Rejected([Problem("body", ProblemCode.MALFORMED)]) from None
    if not isinstance(value, dict):
        raise Rejected([Problem("body", ProblemCode.MALFORMED)])
    return cast("dict[str, object]", value)


def _parse_form(form: bytes, where: str) -> Mapping[str, str]:
    return dict(_pairs_of(form, where))


def _pairs_of(form: bytes, where: str) -> list[tuple[str, str]]:
    # Not Litestar's parser: it reads raw UTF-8 as Latin-1, and keeps every body in a cache.
    try:
        return parse_qsl(
            form.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=_MAX_PARAMETERS
        )
    except ValueError:
        raise Rejected([Problem(where, ProblemCode.MALFORMED)]) from None


async def _read_multipart(request: AnyCall) -> Mapping[str, object]:
    try:
        form = await request.form()
    except (HTTPException, ValueError, LookupError):  # LookupError: a part names a charset there is not
        raise Rejected([Problem("body", ProblemCode.MALFORMED)]) from None
    return {name: form.getall(name)[-1] for name in form}
