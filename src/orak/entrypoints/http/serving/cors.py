"""CORS (the Fetch standard): which web pages may call. The headers are on every answer, errors included.

Litestar's own CORS answers a preflight for unknown paths, refuses others outside the error envelope, and
overwrites `Vary`.
"""

from collections.abc import Collection

from litestar.datastructures import Headers, MutableScopeHeaders
from litestar.enums import HttpMethod
from litestar.types import HTTPResponseStartEvent, HTTPScope

from orak.entrypoints.http.serving.response_hook import ResponseStep

ANY_ORIGIN = "any_origin"
"""The key in the `opt` of a route or router that lets pages of every origin read it."""

_EXPOSED = (
    "Accept-Ranges, Content-Range, ETag, Link, Location, Preference-Applied, Retry-After, X-Request-Id, "
    "X-Total-Count"
)
_ACCEPTED = (
    "Accept-Language, Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, If-Range, "
    "Last-Event-ID, Prefer, Range, X-Request-Id"
)
_PREFLIGHT_LIFE = "600"  # seconds; Chromium caps it at two hours


def allow_origins(origins: Collection[str]) -> ResponseStep:
    """Return the step that lets pages of exactly these *origins* call; `*` stands for every origin.

    There is no credentials mode: tokens come in a header, and cookies are not read.
    """
    everyone = "*" in origins

    def add_headers(message: HTTPResponseStartEvent, scope: HTTPScope) -> None:
        request, response = Headers.from_scope(scope), MutableScopeHeaders.from_message(message)
        origin = request.get("origin")
        open_to_all = everyone or _is_open(scope)
        if not open_to_all:
            # On every answer: a cache must not give one origin the answer for another.
            response["Vary"] = ", ".join(filter(None, (response.get("Vary"), "Origin")))
        if origin is None or not (open_to_all or origin in origins):
            return
        response["Access-Control-Allow-Origin"] = "*" if open_to_all else origin
        response["Access-Control-Expose-Headers"] = _EXPOSED
        preflight = scope["method"] == HttpMethod.OPTIONS and "access-control-request-method" in request
        if preflight and (methods := response.get("Allow")):  # an unknown path has no Allow
            response["Access-Control-Allow-Methods"] = methods
            response["Access-Control-Allow-Headers"] = _ACCEPTED
            response["Access-Control-Max-Age"] = _PREFLIGHT_LIFE

    return add_headers


def _is_open(scope: HTTPScope) -> bool:
    # Litestar sets no handler for an unknown path, although the type of the scope promises one.
    return bool(getattr(scope.get("route_handler"), "opt", {}).get(ANY_ORIGIN))
