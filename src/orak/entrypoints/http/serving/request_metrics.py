"""Counts and durations of answers."""

from time import perf_counter
from typing import TYPE_CHECKING, cast

from orak.application.ports.measurements import Measurements
from orak.application.ports.metrics import OTHER

if TYPE_CHECKING:
    from litestar.types import HTTPScope

BEGAN = "orak.began"
"""The extension of an ASGI scope that says at which `perf_counter` the first byte of the request arrived."""

UNKNOWN_PATH = "(unknown path)"
NO_REQUEST = "(no request)"
"""The route of input that never became a request."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_CREATION = "record_creation_seconds"
_TIMED_CALLS = {
    ("POST", "/records/async/presigned-url"): "record_presigned_url_generation_seconds",
    ("POST", "/records/async"): _CREATION,
}
"""Calls with a histogram by outcome, beside those that every call has."""


class RequestMetrics:
    """Counts every answer, whatever sent it: a handler, the deadline, or the refusal of a token."""

    def __init__(self) -> None:
        self._measurements: Measurements | None = None

    def open(self, measurements: Measurements) -> None:
        """Begin to count with *measurements*, before the server accepts the first connection."""
        self._measurements = measurements

    def count(self, method: str, route: str, status: int, seconds: float | None = None) -> None:
        """Count one answer that began after *seconds*. *route* is a path template, never a path."""
        measure = self._measurements
        if measure is None:
            return
        if method not in _METHODS:
            method = OTHER  # clients may send any method; each would make a row of its own
        measure.count("orak_http_requests_total", method=method, route=route, status=str(status))
        if seconds is not None:
            measure.observe("orak_http_request_seconds", seconds, method=method, route=route)
        if (timed := _TIMED_CALLS.get((method, route))) is None:
            return
        if seconds is not None:
            measure.observe(timed, seconds, outcome=_outcome(status))
        if timed is _CREATION and status >= 500:
            measure.count("record_creation_errors_total")

    def count_answer(self, scope: "HTTPScope", status: int) -> None:
        """Count the answer to a request, which begins now."""
        route = scope.get("path_template") or UNKNOWN_PATH
        began = cast("dict[str, dict[str, float]]", scope.get("extensions") or {}).get(BEGAN)
        seconds = None if began is None else perf_counter() - began["at"]
        self.count(scope["method"], route, status, seconds)


def _outcome(status: int) -> str:
    return "ok" if status < 400 else "refused" if status < 500 else "error"
