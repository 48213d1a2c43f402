"""The header fields of a request."""

from collections.abc import Iterable, Sequence
from typing import cast, overload

from litestar.types import Scope

_KEY = "orak.headers"


class RequestHeaders:
    """The fields of one request, by their names in lower case. Values are Latin-1 (RFC 9110 §5.5).

    Litestar's `Headers` take ten times as long to build, which counts on every call.
    """

    __slots__ = ("_fields", "_first")

    def __init__(self, fields: Iterable[tuple[bytes, bytes]]) -> None:
        """Take the fields as ASGI has them: names in lower case."""
        self._fields = list(fields)
        self._first = dict(reversed(self._fields))

    @overload
    def get(self, name: str) -> str | None: ...
    @overload
    def get(self, name: str, default: str) -> str: ...
    def get(self, name: str, default: str | None = None) -> str | None:
        """Return the first value of a field."""
        value = self._first.get(name.encode())
        return default if value is None else value.decode("latin-1")

    def all(self, name: str) -> Sequence[str]:
        """Return every value of a field; most fields come once or not at all."""
        wanted = name.encode()
        if wanted not in self._first:
            return ()
        return [value.decode("latin-1") for field, value in self._fields if field == wanted]

    def __contains__(self, name: str) -> bool:
        return name.encode() in self._first


def headers_of(scope: Scope) -> RequestHeaders:
    """Return the fields of the request of *scope*, read once."""
    state = cast("dict[str, RequestHeaders]", scope["state"])
    headers = state.get(_KEY)
    if headers is None:
        headers = state[_KEY] = RequestHeaders(scope["headers"])
    return headers
