"""The JSON API: what a handler gets and returns, and how it declares its route.

`serving/dispatch.py` calls the handlers. Litestar, which serves the rest, would spend more time on most of
these calls than orak does.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

import msgspec
from litestar.types import HTTPResponseBodyEvent, HTTPResponseStartEvent, HTTPScope, Receive

from orak.domain.actor import Actor
from orak.entrypoints.http.answers.encoded_records import EncodedRecords
from orak.entrypoints.http.request_headers import headers_of
from orak.entrypoints.running import Running

NOT_STORED: Mapping[str, str] = {"Cache-Control": "no-store"}
"""Headers of answers that hold a secret or are out of date at once."""

_JSON = "application/json"
_encode = msgspec.json.Encoder().encode


class ApiRequest:
    """One request to the JSON API."""

    __slots__ = ("actor", "encoded_records", "expires_at", "headers", "receive", "running", "scope")

    actor: Actor
    """Who calls. Not set on a public route."""
    expires_at: datetime
    """When the token expires. Not set on a public route."""

    def __init__(
        self, scope: HTTPScope, receive: Receive, running: Running, encoded_records: EncodedRecords
    ) -> None:
        self.scope = scope
        self.receive = receive
        self.running = running
        self.encoded_records = encoded_records
        self.headers = headers_of(scope)

    @property
    def query_string(self) -> bytes:
        """The query, percent-encoded."""
        return self.scope["query_string"]


class ApiResponse(NamedTuple):
    """One answer; `AnswerHeads` adds the headers that every answer has."""

    body: bytes = b""
    headers: Mapping[str, str] = {}
    status: int = 200
    media_type: str | None = _JSON
    """None if there is no content."""

    def messages(self, method: str) -> tuple[HTTPResponseStartEvent, HTTPResponseBodyEvent]:
        """Return the answer to a request with this *method* as ASGI sends it. HEAD gets no body."""
        fields = [(name.lower().encode(), value.encode("latin-1")) for name, value in self.headers.items()]
        if self.media_type is not None:
            fields.append((b"content-type", self.media_type.encode()))
            fields.append((b"content-length", b"%d" % len(self.body)))
        body = b"" if method == "HEAD" else self.body
        return (
            {"type": "http.response.start", "status": self.status, "headers": fields},
            {"type": "http.response.body", "body": body, "more_body": False},
        )


NO_CONTENT_RESPONSE = ApiResponse(status=204, media_type=None)


def json_response(view: object, headers: Mapping[str, str] = NOT_STORED, status: int = 200) -> ApiResponse:
    """Return *view* as JSON. By default, no cache keeps it."""
    return ApiResponse(_encode(view), headers, status)


ApiHandler = Callable[..., Awaitable[ApiResponse]]
"""Takes the request, then the values of the path's parameters as text."""


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path, and its one handler."""

    method: str
    path: str
    """Its parameters are segments in braces: `/records/async/{record_id}`."""
    handler: ApiHandler
    tag: str
    is_public: bool = False
    """Whether it needs no token."""
    is_for_operators: bool = False
    """Whether the token needs the scope `admin`."""
    alias: str = ""
    """Follows the operationId of a handler that has another path too."""


@dataclass(frozen=True, slots=True)
class Routes:
    """Routes below one path, declared by decorators.

    GET answers HEAD too (RFC 9110 §9.3.2): the same headers without the body.
    """

    prefix: str
    tag: str
    is_public: bool = False
    is_for_operators: bool = False
    _routes: list[Route] = field(default_factory=list)

    def route(self, method: str, path: str = "") -> Callable[[ApiHandler], ApiHandler]:
        """Declare that the decorated function handles *method* on the prefix and *path*."""

        def declare(handler: ApiHandler) -> ApiHandler:
            whole = self.prefix + path
            self._routes.append(
                Route(method, whole, handler, self.tag, self.is_public, self.is_for_operators)
            )
            return handler

        return declare

    def get(self, path: str = "") -> Callable[[ApiHandler], ApiHandler]:
        """Declare a handler of GET and HEAD."""
        return self.route("GET", path)

    def post(self, path: str = "") -> Callable[[ApiHandler], ApiHandler]:
        """Declare a handler of POST."""
        return self.route("POST", path)

    def put(self, path: str = "") -> Callable[[ApiHandler], ApiHandler]:
        """Declare a handler of PUT."""
        return self.route("PUT", path)

    def patch(self, path: str = "") -> Callable[[ApiHandler], ApiHandler]:
        """Declare a handler of PATCH."""
        return self.route("PATCH", path)

    def delete(self, path: str = "") -> Callable[[ApiHandler], ApiHandler]:
        """Declare a handler of DELETE."""
        return self.route("DELETE", path)

    def at(self, prefix: str, *, alias: str) -> "Routes":
        """Return the same routes below another path."""
        moved = [
            replace(route, path=prefix + route.path.removeprefix(self.prefix), alias=alias)
            for route in self._routes
        ]
        return replace(self, prefix=prefix, _routes=moved)

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)
