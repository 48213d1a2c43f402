"""The origin of the work that runs now, for the changes that it makes and the lines that it logs.

It is a context variable, not an argument: no use case decides anything by it, and all would have to pass it
on. Entrypoints set it for each request. Use cases read it when they change something, and it is stored with
the change. So it reaches the worker that converts the upload, even if every wake-up is lost.
"""

from contextvars import ContextVar, Token
from types import TracebackType

from orak.domain.origin import Origin

_origin: ContextVar[Origin | None] = ContextVar("orak.origin", default=None)


def current_origin() -> Origin | None:
    """Return the request that the current task works for; None if it serves no single request."""
    return _origin.get()


class Following:
    """A context in which all work follows from one origin; tasks that start in it inherit it."""

    __slots__ = ("_origin", "_token")

    _token: Token[Origin | None]

    def __init__(self, origin: Origin | None) -> None:
        self._origin = origin

    def __enter__(self) -> None:
        self._token = _origin.set(self._origin)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _origin.reset(self._token)
