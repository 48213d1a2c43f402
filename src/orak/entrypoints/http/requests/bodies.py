"""Request bodies: reading the values that a client sent, in whichever form, and parsing them."""

import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Generic, TypeVar, cast
from urllib.parse import parse_qsl

from litestar.types import HTTPReceiveMessage
from multipart import (  # type: ignore[import-untyped]  # multipart ships no type hints
    MultipartError,
    MultipartParser,
    MultipartPart,
    parse_options_header,
)

from orak.domain.errors import Problem, ProblemCode, Rejected
from orak.entrypoints.http.answers.error_codes import ErrorCode
from orak.entrypoints.http.answers.errors import HttpError
from orak.entrypoints.http.api import ApiRequest
from orak.entrypoints.http.openapi.operation import JsonObject
from orak.entrypoints.http.requests.parameters import Parameters
from orak.entrypoints.running import Running

T = TypeVar("T")

MAX_BODY = 16 * 1024
"""Bytes. The longest body in use is a fully escaped title of 255 characters: 3 KB."""

_MAX_PARAMETERS = 100
_MAX_DIGITS = 40  # far beyond 64 bits; Python refuses to parse integers of more than 4,300 digits

_JSON = {"application/json", "application/merge-patch+json"}

# Not msgspec: it refuses a lone surrogate and `Infinity` without naming the field.
_json_decoder = json.JSONDecoder(parse_int=lambda digits: int(digits[:_MAX_DIGITS]))

_LENGTH = re.compile(r"[0-9]{1,18}")


async def read_json(request: ApiRequest) -> Parameters:
    """Return the fields of a body that is a JSON object; all of them must be known.

    Raises:
        Rejected: the body is not a JSON object.
        HttpError: the body has another media type.
    """
    body = await _read_bytes(request)
    if body and _media_type(request) not in _JSON:
        raise HttpError(ErrorCode.UNSUPPORTED_MEDIA_TYPE)
    fields = _parse_json(body)
    return Parameters(fields, checked=fields)


async def read_parameters(request: ApiRequest) -> Parameters:
    """Return the parameters of the query and of a body that is a form, a FormData or JSON.

    The body wins over the query. Of a parameter repeated within one of them the last counts. Only the fields
    of JSON must be known.

    Raises:
        Rejected: the query or the body cannot be parsed.
        HttpError: the body has another media type.
    """
    body = await _read_bytes(request)
    query, given = read_query(request.query_string), _parse_body(request, body) if body else {}
    return Parameters({**query, **given}, checked=given if _media_type(request) in _JSON else ())


def read_query(query_string: bytes) -> Mapping[str, str]:
    """Return the parameters of a query. Raise `Rejected` if it is not percent-encoded UTF-8."""
    return _parse_form(query_string, "query") if query_string else {}


def is_repeated(query_string: bytes, name: str) -> bool:
    """Return whether a query has a parameter more than once. Raise `Rejected` like `read_query`."""
    return [given for given, _ in _pairs_of(query_string, "query")].count(name) > 1


@dataclass(frozen=True, slots=True)
class Body(Generic[T]):
    """The body of one operation: its schema for the OpenAPI document, and its parser."""

    name: str
    """Name of the schema."""
    description: str
    properties: Mapping[str, JsonObject]
    required: tuple[str, ...]
    parse: Callable[[Parameters, Running], T]
    """Returns the parsed body, or raises `Rejected` with every problem."""
    example: JsonObject | None = None
    media_types: tuple[str, ...] = ("application/json",)
    read: Callable[[ApiRequest], Awaitable[Parameters]] = read_json
    is_required: bool = True
    errors: Iterable[ErrorCode] = field(
        default=(
            ErrorCode.VALIDATION_FAILED,
            ErrorCode.PAYLOAD_TOO_LARGE,
            ErrorCode.UNSUPPORTED_MEDIA_TYPE,
        ),
        init=False,
    )

    async def parsed(self, request: ApiRequest) -> T:
        """Return the parsed body of *request*.

        Raises:
            Rejected: a field is wrong or missing, or unknown in JSON.
            HttpError: the media type is not supported.
        """
        return self.parse(await self.read(request), request.running)

    def described(self) -> JsonObject:
        """Return the Request Body Object of OpenAPI."""
        content = {media_type: {"schema": self._schema_of(media_type)} for media_type in self.media_types}
        return {"required": self.is_required, "content": content}

    def schemas(self) -> Mapping[str, JsonObject]:
        """Return the schema of the body."""
        schema: dict[str, object] = {
            "type": "object",
            "description": self.description,
            "properties": self.properties,
        }
        if self.required:
            schema["required"] = self.required
        if not self._may_be_form:
            schema["additionalProperties"] = False
        if self.example:
            schema["examples"] = [self.example]
        return {self.name: schema}

    @property
    def _may_be_form(self) -> bool:
        return not _JSON.issuperset(self.media_types)

    def _schema_of(self, media_type: str) -> JsonObject:
        reference = {"$ref": f"#/components/schemas/{self.name}"}
        # Forms may hold fields that orak does not know, and share the schema with JSON, which may not.
        strict = {"unevaluatedProperties": False} if self._may_be_form and media_type in _JSON else {}
        return reference | strict


async def _read_bytes(request: ApiRequest) -> bytes:
    """Return the whole body. Raise `HttpError` if it is too long, or was cut off."""
    declared = request.headers.get("content-length", "0")
    if not _LENGTH.fullmatch(declared) or int(declared) > MAX_BODY:
        raise HttpError(ErrorCode.PAYLOAD_TOO_LARGE)
    body = b""
    async with request.running.waits.until_shutdown():
        while True:
            message = cast("HTTPReceiveMessage", await request.receive())
            if message["type"] == "http.disconnect":
                raise HttpError(
                    ErrorCode.VALIDATION_FAILED
                )  # the client hung up, and never reads this answer
            body += message.get("body", b"")
            if len(body) > MAX_BODY:
                raise HttpError(ErrorCode.PAYLOAD_TOO_LARGE)
            if not message.get("more_body", False):
                return body


def _media_type(request: ApiRequest) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _parse_body(request: ApiRequest, body: bytes) -> Mapping[str, object]:
    match _media_type(request):
        case "application/json":
            return _parse_json(body)
        case "application/x-www-form-urlencoded":
            return _parse_form(body, "body")
        case "multipart/form-data":
            return _parse_multipart(body, request.headers.get("content-type", ""))
        case _:
            raise HttpError(ErrorCode.UNSUPPORTED_MEDIA_TYPE)


def _parse_json(body: bytes) -> Mapping[str, object]:
    try:
        value = _json_decoder.decode(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Rejected([Problem("body", ProblemCode.MALFORMED)]) from None
    if not isinstance(value, dict):
        raise Rejected([Problem("body", ProblemCode.MALFORMED)])
    return cast("dict[str, object]", value)


def _parse_form(form: bytes, where: str) -> Mapping[str, str]:
    return dict(_pairs_of(form, where))


def _pairs_of(form: bytes, where: str) -> list[tuple[str, str]]:
    # Not Litestar's parser: it reads raw UTF-8 as Latin-1, and caches every body.
    try:
        return parse_qsl(
            form.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=_MAX_PARAMETERS
        )
    except ValueError:
        raise Rejected([Problem(where, ProblemCode.MALFORMED)]) from None


def _parse_multipart(body: bytes, content_type: str) -> Mapping[str, object]:
    boundary = parse_options_header(content_type)[1].get("boundary", "")
    try:
        parts = MultipartParser(BytesIO(body), boundary, part_limit=_MAX_PARAMETERS).parts()
        return {part.name: _value_of(part) for part in parts}
    except (MultipartError, ValueError, LookupError):  # LookupError: a part names an unknown charset
        raise Rejected([Problem("body", ProblemCode.MALFORMED)]) from None


def _value_of(part: MultipartPart) -> object:
    """Return the text of a part. A file is returned unread, and no parameter accepts one."""
    return part.value if part.filename is None else part.file
