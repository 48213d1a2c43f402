"""CORS (the Fetch standard): which web pages may call. The headers are on every answer, errors included.

Litestar's own CORS answers a preflight for unknown paths, refuses others outside the error envelope, and
overwrites `Vary`.
"""

from collections.abc import Collection

from litestar.enums import HttpMethod
from litestar.types import HTTPScope

from orak.entrypoints.http.request_headers import headers_of

ANY_ORIGIN = "any_origin"
"""The key in the `opt` of a route or router that lets pages of every origin read it."""

_EXPOSED = (
    b"Accept-Ranges, Content-Range, ETag, Link, Location, Preference-Applied, Retry-After, X-Request-Id, "
    b"X-Total-Count"
)
_ACCEPTED = (
    b"Accept-Language, Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, If-Range, "
    b"Last-Event-ID, Prefer, Range, X-Request-Id"
)
_PREFLIGHT_LIFE = b"600"  # seconds; Chromium caps it at two hours

Fields = list[tuple[bytes, bytes]]


class Cors:
    """Lets pages of exactly these origins call; `*` stands for every origin.

    There is no credentials mode: tokens come in a header, and cookies are not read.
    """

    def __init__(self, origins: Collection[str]) -> None:
        self._origins = frozenset(origins)
        self._is_open = "*" in self._origins

    def complete(self, fields: Fields, scope: HTTPScope) -> None:
        """Add what the page that calls needs to the *fields* of an answer."""
        headers = headers_of(scope)
        origin = headers.get("origin")
        is_open = self._is_open or _is_open(scope)
        if not is_open:
            _vary_by_origin(fields)
        if origin is None or not (is_open or origin in self._origins):
            return
        fields.append((b"access-control-allow-origin", b"*" if is_open else origin.encode("latin-1")))
        fields.append((b"access-control-expose-headers", _EXPOSED))
        if scope["method"] == HttpMethod.OPTIONS and "access-control-request-method" in headers:
            methods = next((value for name, value in fields if name == b"allow"), None)
            if methods is not None:  # an unknown path has no Allow
                fields.append((b"access-control-allow-methods", methods))
                fields.append((b"access-control-allow-headers", _ACCEPTED))
                fields.append((b"access-control-max-age", _PREFLIGHT_LIFE))


def _vary_by_origin(fields: Fields) -> None:
    # On every answer: a cache must not give one origin the answer for another.
    for place, (name, value) in enumerate(fields):
        if name == b"vary":
            fields[place] = (name, value + b", Origin")
            return
    fields.append((b"vary", b"Origin"))


def _is_open(scope: HTTPScope) -> bool:
    # Litestar sets no handler for an unknown path, although the type of the scope promises one.
    return bool(getattr(scope.get("route_handler"), "opt", {}).get(ANY_ORIGIN))
