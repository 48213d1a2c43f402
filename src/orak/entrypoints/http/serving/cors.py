"""Which web pages may call (the Fetch standard's CORS protocol), on every answer, refusals included.

Litestar's own CORS answers a preflight without looking whether there is such a path, refuses one outside of
orak's error envelope, and overwrites `Vary`.
"""

from collections.abc import Collection

from litestar.datastructures import Headers, MutableScopeHeaders
from litestar.enums import HttpMethod
from litestar.types import HTTPResponseStartEvent, HTTPScope

from orak.entrypoints.http.serving.finishing import Finish

ANY_ORIGIN = "any_origin"
"""The key in a route's or router's `opt` that lets every page read it."""

_EXPOSED = "Accept-Ranges, Content-Range, ETag, Link, Location, Preference-Applied, Retry-After, X-Request-Id"
_ACCEPTED = (
    "Accept-Language, Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, If-Range, "
    "Last-Event-ID, Prefer, Range, X-Request-Id"
)
_PREFLIGHT_LIFE = "600"  # seconds; Chromium keeps none longer than two hours anyway


def allow_origins(origins: Collection[str]) -> Finish:
    """Let pages of exactly these *origins* call; `*` among them is everyone.

    There is no credentials mode: tokens come in a header, and cookies are not read.
    """
    everyone = "*" in origins

    def add_headers(message: HTTPResponseStartEvent, scope: HTTPScope) -> None:
        request, response = Headers.from_scope(scope), MutableScopeHeaders.from_message(message)
        origin = request.get("origin")
        open_to_all = everyone or _is_open(scope)
        if not open_to_all:
            # Also on answers without the header: a cache must not give one origin's to another.
            response["Vary"] = ", ".join(filter(None, (response.get("Vary"), "Origin")))
        if origin is None or not (open_to_all or origin in origins):
            return
        response["Access-Control-Allow-Origin"] = "*" if open_to_all else origin
        response["Access-Control-Expose-Headers"] = _EXPOSED
        preflight = scope["method"] == HttpMethod.OPTIONS and "access-control-request-method" in request
        if preflight and (methods := response.get("Allow")):  # an unknown path has none, and permits nothing
            response["Access-Control-Allow-Methods"] = methods
            response["Access-Control-Allow-Headers"] = _ACCEPTED
            response["Access-Control-Max-Age"] = _PREFLIGHT_LIFE

    return add_headers


def _is_open(scope: HTTPScope) -> bool:
    # An unknown path has no handler, whatever the type of the scope says.
    return bool(getattr(scope.get("route_handler"), "opt", {}).get(ANY_ORIGIN))
