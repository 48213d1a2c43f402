"""Counts and durations of the answers, summed over the processes that serve one port.

`prometheus_client` has a mode for several processes. It takes 6 µs an answer, this table takes 0.5 µs.
"""

import mmap
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from time import perf_counter
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from litestar.types import HTTPScope
    from prometheus_client.core import Metric

BEGAN = "orak.began"
"""The extension of an ASGI scope that says at which `perf_counter` the first byte of the request arrived."""

UNKNOWN_PATH = "(unknown path)"
NO_REQUEST = "(no request)"
"""The route of input that never became a request."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER = "(other)"  # clients may send any method; each would make a row of its own

_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the buckets, in seconds. The last one is below the 12 s after which every answer begins."""

# A table is an array of 8-byte words: a header of two, then rows. A row is its key, the number of answers,
# the sum of their durations, and how many of them fell into each bucket.
_WORD = 8
_HEADER = 2
_KEY = 32
_ROW = _KEY + 2 + len(_BOUNDS) + 1
_ROWS = 4096  # untouched ones take no memory
_FORMAT = 0x6F72616B_00000001  # to be raised with every change of the layout

TABLE_BYTES = -(-(_HEADER + _ROWS * _ROW) * _WORD // mmap.PAGESIZE) * mmap.PAGESIZE
"""Size of the table of one process."""

_Key = tuple[str, str, int]
"""Method, route and status."""

_REST = (_OTHER, _OTHER, 0)
"""The last row, for the answers that no row is left for."""


class RequestMetrics:
    """The table of this process, and the sums over all tables.

    A process writes to its own table only. A table outlives its process, also after SIGKILL, and the next
    process that gets it continues it.
    """

    def __init__(
        self, tables: memoryview | None = None, own: int = 0, table_bytes: int = TABLE_BYTES
    ) -> None:
        """Count in the table *own* of *tables*, which several processes share; by default, in a new one.

        Each has room for *table_bytes*, at least `TABLE_BYTES`.
        """
        memory = memoryview(bytearray(TABLE_BYTES)) if tables is None else tables
        self._tables = [
            _Table(memory[start : start + TABLE_BYTES]) for start in range(0, len(memory), table_bytes)
        ]
        self._own = self._tables[own]
        self._own.open()
        self._rows = {key: row for row, key in self._own.rows()}
        self._whole, self._real = self._own.whole, self._own.real

    def count(self, method: str, route: str, status: int, seconds: float | None = None) -> None:
        """Count one answer that began after *seconds*. *route* is a path template, never a path."""
        row = self._rows.get((method, route, status))
        if row is None:
            row = self._row((method if method in _METHODS else _OTHER, route, status))
        whole = self._whole
        whole[row] += 1
        if seconds is not None:
            self._real[row + 1] += seconds
            whole[row + 2 + bisect_left(_BOUNDS, seconds)] += 1

    def count_answer(self, scope: "HTTPScope", status: int) -> None:
        """Count the answer to a request, which begins now."""
        route = scope.get("path_template") or UNKNOWN_PATH
        began = cast("dict[str, dict[str, float]]", scope.get("extensions") or {}).get(BEGAN)
        seconds = None if began is None else perf_counter() - began["at"]
        self.count(scope["method"], route, status, seconds)

    def collect(self) -> "Iterable[Metric]":
        """Yield the metrics of all processes."""
        from prometheus_client.core import (  # noqa: PLC0415 - the parent of the processes needs no metrics
            CounterMetricFamily,
            HistogramMetricFamily,
        )

        counts: defaultdict[_Key, int] = defaultdict(int)
        sums: defaultdict[tuple[str, str], float] = defaultdict(float)
        buckets: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * (len(_BOUNDS) + 1))
        for table in self._tables:
            for row, (method, route, status) in table.rows():
                counts[method, route, status] += table.whole[row]
                sums[method, route] += table.real[row + 1]
                durations = buckets[method, route]
                for index in range(len(durations)):
                    durations[index] += table.whole[row + 2 + index]
        answers = CounterMetricFamily(
            "orak_http_requests", "Answers to HTTP requests.", labels=["method", "route", "status"]
        )
        for (method, route, status), count in counts.items():
            answers.add_metric([method, route, str(status)], count)
        seconds = HistogramMetricFamily(
            "orak_http_request_seconds",
            "Seconds from the first byte of a request to the start of its answer.",
            labels=["method", "route"],
        )
        for (method, route), durations in buckets.items():
            seconds.add_metric([method, route], list(_cumulated(durations)), sums[method, route])
        return answers, seconds

    def _row(self, key: _Key) -> int:
        """Return the row of *key*; add it if it is new."""
        if key not in self._rows and len(self._rows) >= _ROWS - 1:
            key = _REST
        if key not in self._rows:
            self._rows[key] = self._own.add(key)
        return self._rows[key]


class _Table:
    """Words in memory that processes share: one of them writes, all may read."""

    def __init__(self, memory: memoryview) -> None:
        self._memory = memory
        self.whole = memory.cast("Q")
        self.real = memory.cast("d")

    def open(self) -> None:
        """Prepare to write. Clear a table whose layout is that of another version."""
        if self.whole[0] != _FORMAT:
            self.whole[1] = 0
            self.whole[0] = _FORMAT

    def rows(self) -> Iterator[tuple[int, _Key]]:
        """Yield the position of the counts of each row, and its key."""
        if self.whole[0] != _FORMAT:  # never opened, or written by another version
            return
        for number in range(self.whole[1]):
            start = _HEADER + number * _ROW
            key = bytes(self._memory[start * _WORD : (start + _KEY) * _WORD]).rstrip(b"\0").decode()
            method, route, status = key.split("\n")
            yield start + _KEY, (method, route, int(status))

    def add(self, key: _Key) -> int:
        """Add a row with counts of 0; return the position of its counts."""
        number = self.whole[1]
        start = _HEADER + number * _ROW
        text = "\n".join(map(str, key)).encode()
        row = self._memory[start * _WORD : (start + _ROW) * _WORD]
        row[:] = text.ljust(len(row), b"\0")
        self.whole[1] = number + 1  # only now: others read the row from here on
        return start + _KEY


def _cumulated(durations: Iterable[int]) -> Iterator[tuple[str, float]]:
    """Yield each bound with the number of durations up to it."""
    total = 0
    for bound, count in zip((*map(str, _BOUNDS), "+Inf"), durations, strict=True):
        total += count
        yield bound, total
