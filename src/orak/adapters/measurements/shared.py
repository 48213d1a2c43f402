"""Counters and histograms of this process, and their sums over the processes that share its tables."""

import logging
import zlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from operator import add
from typing import TYPE_CHECKING, TypeVar

from orak.adapters.measurements.tables import MAX_KEY, TABLE_BYTES, Table, own_table
from orak.application.ports.metrics import METRICS, OTHER, Counter, Histogram, Row

if TYPE_CHECKING:
    from prometheus_client.core import Metric

_log = logging.getLogger(__name__)

_Kind = TypeVar("_Kind", Counter, Histogram)

_Key = tuple[object, ...]
"""A name, and pairs of label and value as the caller gave them."""

_METRICS = {metric.name: metric for metric in METRICS}

_LAYOUT = 2**32 + zlib.crc32(repr([(m.name, m.labels, getattr(m, "bounds", ())) for m in METRICS]).encode())
"""The mark of a table whose rows are those of this version. A new table has the mark 0."""

_CACHED = 8192
"""The most combinations of labels that are found at once; clients must not be able to fill the memory."""


class SharedMeasurements:
    """The port `Measurements` on a table, which outlives the process, also after SIGKILL.

    The next process that gets the table continues it.
    """

    def __init__(
        self, tables: memoryview | None = None, own: int = 0, table_bytes: int = TABLE_BYTES
    ) -> None:
        """Count in the table *own* of *tables*, which several processes share; by default, in a new one.

        Each has room for *table_bytes*, at least `TABLE_BYTES`.
        """
        memory = own_table() if tables is None else tables
        self._tables = [
            Table(memory[start : start + TABLE_BYTES]) for start in range(0, len(memory), table_bytes)
        ]
        self._own = self._tables[own]
        self._own.open(_LAYOUT)
        self._values = self._own.values
        self._added: dict[str, dict[Row, int]] = {name: {} for name in _METRICS}
        for metric, row, start in _rows(self._own):
            self._added[metric.name][row] = start
        self._counters: dict[_Key, int] = {}
        self._histograms: dict[_Key, tuple[int, tuple[float, ...]]] = {}
        self._refused: set[str] = set()
        for metric in METRICS:
            for row in metric.rows:
                self._start(metric, row)

    def count(self, name: str, amount: float = 1, /, **labels: str) -> None:
        """Add *amount* to a counter."""
        key = (name, *labels.items())
        start = self._counters.get(key)
        if start is None:
            metric = self._find(Counter, name, labels)
            if metric is None:
                return
            start = self._start(metric, tuple(labels[label] for label in metric.labels))
            if len(self._counters) < _CACHED:
                self._counters[key] = start
        self._values[start] += amount

    def observe(self, name: str, value: float, /, **labels: str) -> None:
        """Add *value* to a histogram."""
        key = (name, *labels.items())
        found = self._histograms.get(key)
        if found is None:
            metric = self._find(Histogram, name, labels)
            if metric is None:
                return
            found = self._start(metric, tuple(labels[label] for label in metric.labels)), metric.bounds
            if len(self._histograms) < _CACHED:
                self._histograms[key] = found
        start, bounds = found
        values = self._values
        values[start] += value
        values[start + 1 + bisect_left(bounds, value)] += 1

    def collect(self) -> "Iterable[Metric]":
        """Yield the metrics of all processes."""
        from prometheus_client.core import (  # noqa: PLC0415 - it takes a while, and many processes never need it
            CounterMetricFamily,
            HistogramMetricFamily,
        )

        sums: dict[str, dict[Row, list[float]]] = {metric.name: {} for metric in METRICS}
        for table in self._tables:
            for metric, row, values in _values(table):
                so_far = sums[metric.name].get(row)
                sums[metric.name][row] = values if so_far is None else list(map(add, so_far, values))
        for metric in METRICS:
            if isinstance(metric, Counter):
                counter = CounterMetricFamily(metric.name, metric.meaning, labels=metric.labels)
                for row, (value,) in sums[metric.name].items():
                    counter.add_metric(row, value)
                yield counter
            else:
                histogram = HistogramMetricFamily(metric.name, metric.meaning, labels=metric.labels)
                for row, (total, *buckets) in sums[metric.name].items():
                    histogram.add_metric(row, list(_cumulated(metric.bounds, buckets)), total)
                yield histogram

    def own(self) -> Iterator[tuple[Counter | Histogram, Row, list[float]]]:
        """Yield each row of the table of this process: a sum, and for a histogram the size of each bucket.

        Any thread may call this.
        """
        return _values(self._own)

    def _find(self, kind: type[_Kind], name: str, labels: Mapping[str, str]) -> _Kind | None:
        """Return the metric of this kind; log once if no metric has this name and these labels."""
        metric = _METRICS.get(name)
        if isinstance(metric, kind) and labels.keys() == set(metric.labels):
            return metric
        if name not in self._refused:
            self._refused.add(name)
            _log.error(
                "not counted: no %s %s has the labels (%s)",
                *(kind.__name__.lower(), name, ", ".join(labels)),
                extra={"event": "measurement_error"},
            )
        return None

    def _start(self, metric: Counter | Histogram, row: Row) -> int:
        """Return where the values of a row begin. Add it if it is new and there is room for it."""
        added = self._added[metric.name]
        if row in added:
            return added[row]
        key = "\n".join((metric.name, *(str(value).replace("\n", " ") for value in row)))
        if len(added) >= metric.limit - 1 or len(key.encode()) > MAX_KEY:
            row = (OTHER,) * len(metric.labels)
            if row in added:
                return added[row]
            key = "\n".join((metric.name, *row))
        added[row] = self._own.add(key, _size(metric))
        return added[row]


def _size(metric: Counter | Histogram) -> int:
    """Return how many values a row has: a sum, and the size of each bucket of a histogram."""
    return 1 if isinstance(metric, Counter) else 1 + len(metric.bounds) + 1


def _rows(table: Table) -> Iterator[tuple[Counter | Histogram, Row, int]]:
    for key, start in table.rows(_LAYOUT):
        name, *row = key.split("\n")
        yield _METRICS[name], tuple(row), start


def _values(table: Table) -> Iterator[tuple[Counter | Histogram, Row, list[float]]]:
    for metric, row, start in _rows(table):
        yield metric, row, list(map(float, table.values[start : start + _size(metric)]))


def _cumulated(bounds: Iterable[float], buckets: Iterable[float]) -> Iterator[tuple[str, float]]:
    """Yield each bound with the number of values up to it."""
    total = 0.0
    for bound, values in zip((*map(str, bounds), "+Inf"), buckets, strict=True):
        total += values
        yield bound, total
