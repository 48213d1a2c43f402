"""The OpenAPI 3.1 document, assembled from the operations that handlers declare beside their routes.

`python -m orak.entrypoints.http.openapi` prints it. Litestar's own document would not know the requests that
handlers parse themselves.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

import msgspec
from litestar import Router
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler, WebsocketRouteHandler
from litestar.routes import HTTPRoute, WebSocketRoute

from orak.entrypoints.http.answers.error_codes import STATUSES, ErrorCode
from orak.entrypoints.http.answers.errors import ErrorEnvelope
from orak.entrypoints.http.answers.languages import Language
from orak.entrypoints.http.answers.messages import general_text
from orak.entrypoints.http.api import Route, Routes
from orak.entrypoints.http.openapi.examples import EXAMPLES, error_example
from orak.entrypoints.http.openapi.headers import ERROR_HEADERS, HEADERS
from orak.entrypoints.http.openapi.operation import (
    Answer,
    JsonObject,
    Operation,
    Parameter,
    operation_of,
)
from orak.version import __version__

_INTRODUCTION = """\
A browser or a phone records, requests a presigned URL, sends the bytes to the store, and creates a record:

1. `POST /records/async/presigned-url`
2. `PUT` the bytes to `presignedUrl` with exactly the `headers` of the answer
3. `POST /records/async` with the `uploadId` and a title

Times are RFC 3339 in UTC. Ids fit into a JavaScript number. Every error has the same envelope: its `code` is
for programs, its `message` for people, in Korean, or in English if `Accept-Language` prefers it. HEAD works
wherever GET does.
"""

_METHODS = ("get", "head", "post", "put", "patch", "delete")

_TAGS = {
    "uploads": "Send the bytes of a recording.",
    "records": "Create records, and have their audio converted.",
    "live": "Follow the conversion of your records.",
    "operators": "Look after background conversion. Needs the scope `admin`.",
    "webhooks": "Post events to other services. Needs the scope `admin`.",
    "objects": "Read and write objects: signed URLs of local storage, and public renditions.",
    "health": "Health probes and metrics.",
}

_ACCEPT_LANGUAGE = Parameter(
    "header",
    "Accept-Language",
    "Language of messages: Korean or English.",
    {"type": "string", "examples": ["en"]},
)


class _Described(NamedTuple):
    method: str
    path: str
    name: str
    """The operationId."""
    tag: str
    is_public: bool
    operation: Operation
    errors: frozenset[ErrorCode]


def render(api: Iterable[Routes], routers: Iterable[Router], url: str = "/") -> bytes:
    """Return the `document` as JSON, indented and the same each time."""
    return msgspec.json.format(msgspec.json.encode(document(api, routers, url)), indent=2) + b"\n"


def document(api: Iterable[Routes], routers: Iterable[Router], url: str = "/") -> dict[str, Any]:
    """Return the document of the JSON API and of Litestar's *routers*, both served at *url*."""
    described = [
        *(one for routes in api for route in routes for one in _describe_route(route)),
        *(one for router in routers for one in _operations_of(router)),
    ]
    answers = [answer for one in described for answer in one.operation.answers.values()]
    types = [ErrorEnvelope, *(answer.body for answer in answers if answer.body)]
    shapes, schemas = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    shape_of = dict(zip(types, shapes, strict=True))
    bodies = {
        name: schema
        for one in described
        if one.operation.body
        for name, schema in one.operation.body.schemas().items()
    }
    paths: dict[str, dict[str, object]] = {one.path: {} for one in described}
    for one in sorted(described, key=lambda one: _METHODS.index(one.method)):  # Litestar's order varies
        paths[one.path][one.method] = _operation_object(one, shape_of)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "orak",
            "version": __version__,
            "summary": "The recording service of a karaoke app.",
            "description": _INTRODUCTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": url}],
        "security": [{"bearer": []}],
        "tags": [{"name": name, "description": description} for name, description in _TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": {
                name: schema | ({"examples": [EXAMPLES[name]]} if name in EXAMPLES else {})
                for name, schema in schemas.items()
            }
            | bodies,
            "headers": {
                name: {"description": header.description, "schema": {"type": header.type}}
                for name, header in HEADERS.items()
            },
            "examples": {code.value: error_example(code) for code in ErrorCode},
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "The claim `sub` is the user id, a decimal string.",
                }
            },
        },
    }


def _describe_route(route: Route) -> Iterator[_Described]:
    if declared := operation_of(route.handler):
        name = _camel(route.handler.__name__) + route.alias
        errors = {*declared.errors, ErrorCode.UNAVAILABLE, ErrorCode.INTERNAL}
        if not route.is_public:
            errors |= {ErrorCode.UNAUTHORIZED, ErrorCode.FORBIDDEN}
        yield _Described(
            route.method.lower(),
            _camel(route.path),
            name,
            route.tag,
            route.is_public,
            declared,
            frozenset(errors),
        )


def _operations_of(router: Router) -> Iterator[_Described]:
    for route in router.routes:
        match route:
            case HTTPRoute():
                handlers: Iterable[HTTPRouteHandler | WebsocketRouteHandler] = route.route_handlers
            case WebSocketRoute():
                handlers = [route.route_handler]
            case _:
                handlers = []
        for handler in handlers:
            if declared := operation_of(handler.fn):
                yield from _describe(router, route.path_format, handler, declared)


def _describe(
    router: Router, path: str, handler: HTTPRouteHandler | WebsocketRouteHandler, declared: Operation
) -> Iterator[_Described]:
    errors = {*declared.errors, ErrorCode.UNAVAILABLE, ErrorCode.INTERNAL}
    # The live streams authenticate callers themselves; the other routes of Litestar are public.
    is_public = ErrorCode.UNAUTHORIZED not in errors
    name = handler.fn.__name__
    for method in _methods(handler):
        if method == HttpMethod.HEAD:
            if not declared.describes_head:
                continue
            name = name.replace("get_", "head_", 1)
        yield _Described(
            method.lower(), _camel(path), _camel(name), router.tags[0], is_public, declared, frozenset(errors)
        )


def _methods(handler: HTTPRouteHandler | WebsocketRouteHandler) -> list[str]:
    if isinstance(handler, WebsocketRouteHandler):
        return [HttpMethod.GET]  # OpenAPI knows no WebSockets: the handshake is a GET
    return sorted(handler.http_methods)


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name)


def _operation_object(one: _Described, shape_of: Mapping[Any, JsonObject]) -> dict[str, object]:
    described: dict[str, object] = {
        "operationId": one.name,
        "tags": [one.tag],
        "summary": one.operation.summary,
        "description": one.operation.description,
        "parameters": [parameter.described() for parameter in (*one.operation.parameters, _ACCEPT_LANGUAGE)],
        "responses": {
            **{
                str(status): _answer_object(status, answer, shape_of)
                for status, answer in one.operation.answers.items()
            },
            **_error_objects(one),
        },
    }
    if one.operation.body:
        described["requestBody"] = one.operation.body.described()
    if one.is_public:
        described["security"] = []
    return described


def _answer_object(status: int, answer: Answer, shape_of: Mapping[Any, JsonObject]) -> dict[str, object]:
    described: dict[str, object] = {"description": answer.description}
    if status != HTTPStatus.SWITCHING_PROTOCOLS:  # the server of WebSockets answers without it
        described["headers"] = _header_references("X-Request-Id", *answer.headers)
    schema = answer.schema if answer.body is None else shape_of[answer.body]
    if schema is not None:
        described["content"] = {answer.media_type: {"schema": schema}}
    return described


def _error_objects(one: _Described) -> dict[str, object]:
    by_status: dict[int, list[ErrorCode]] = {}
    for code in ErrorCode:
        for status in STATUSES[code] if code in one.errors else ():
            # Only a POST can find an upload that already has a record; other methods never answer that 409.
            if not (code is ErrorCode.RECORD_OPERATION_FAILED and status == 409 and one.method != "post"):
                by_status.setdefault(status, []).append(code)
    return {str(status): _error_object(status, codes) for status, codes in sorted(by_status.items())}


def _error_object(status: int, codes: Iterable[ErrorCode]) -> dict[str, object]:
    return {
        "description": "; ".join(f"`{code}`: {general_text(code, Language.ENGLISH)}" for code in codes),
        "headers": _header_references("X-Request-Id", *ERROR_HEADERS.get(status, ())),
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/ErrorEnvelope"},
                "examples": {code.value: {"$ref": f"#/components/examples/{code.value}"} for code in codes},
            }
        },
    }


def _header_references(*names: str) -> dict[str, object]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
