"""What orak has measured, for OpenTelemetry.

It is read when it is exported: an instrument of the SDK would take about 20 µs for each value.
"""

import asyncio
from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager, suppress
from functools import partial
from operator import sub
from time import monotonic, time_ns

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from orak.adapters.measurements.shared import SharedMeasurements
from orak.application.ports.metrics import METRICS, READ_METRICS, Counter, Gauge, Histogram, Row
from orak.entrypoints.telemetry.recorders import Read, Readings

METER = "orak"
"""The name of the meter."""

_PATIENCE = 8.0
"""Seconds that a reading may take; database and disk get 4 s."""

_FRESH = 1.0
"""Seconds for which a reading holds: the gauges of one export are of one reading."""


class Measured:
    """Counters and histograms of this process, and what can be read now.

    The thread of an exporter asks for them.
    """

    def __init__(self) -> None:
        self.began = time_ns()
        self._counted: SharedMeasurements | None = None
        self._before: dict[tuple[str, Row], list[float]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._read: Read | None = None
        self._reading: Future[Readings] | None = None
        self._readings: Readings = {}
        self._read_at = -_FRESH

    def observed_by(self, meter: Meter) -> None:
        """Let *meter* ask for counters and gauges."""
        for metric in METRICS:
            if isinstance(metric, Counter):
                meter.create_observable_counter(
                    metric.dotted, [partial(self._count, metric)], metric.unit, metric.meaning
                )
        # Figures of the whole service, which do not begin at 0 with this process: gauges, also if they rise.
        for read in READ_METRICS:
            meter.create_observable_gauge(read.dotted, [partial(self._gauge, read)], read.unit, read.meaning)

    def counts_from(self, counted: SharedMeasurements) -> None:
        """Export what *counted* counts from now on. Its table may go on from another process."""
        self._before = {(metric.name, row): values for metric, row, values in counted.own()}
        self._counted = counted
        self.began = time_ns()

    @contextmanager
    def reading(self, read: Read) -> Iterator[None]:
        """Call *read* in this event loop at each export, until the block ends."""
        self._loop, self._read = asyncio.get_running_loop(), read
        try:
            yield
        finally:
            self._read = None
            if self._reading is not None:
                self._reading.cancel()

    def rows(self) -> Iterator[tuple[Counter | Histogram, Row, list[float]]]:
        """Yield a sum for each row of this process, and for a histogram the size of each bucket."""
        if self._counted is None:
            return
        for metric, row, values in self._counted.own():
            before = self._before.get((metric.name, row))
            yield metric, row, values if before is None else list(map(sub, values, before))

    def _count(self, metric: Counter, _options: CallbackOptions) -> Iterable[Observation]:
        return [
            Observation(value, dict(zip(metric.labels, row, strict=True)))
            for counted, row, (value, *_) in self.rows()
            if counted.name == metric.name
        ]

    def _gauge(self, metric: Counter | Gauge, _options: CallbackOptions) -> Iterable[Observation]:
        return [
            # A bool, as of `orak_database_up`, cannot be exported.
            Observation(float(value), dict(zip(metric.labels, row, strict=True)))
            for row, value in self._latest().get(metric.name, {}).items()
        ]

    def _latest(self) -> Readings:
        """Return a reading, and after the end of the block the last one."""
        read, loop = self._read, self._loop
        if read is not None and loop is not None and monotonic() - self._read_at >= _FRESH:
            self._reading = asyncio.run_coroutine_threadsafe(read(), loop)
            with suppress(TimeoutError, CancelledError):
                self._readings = self._reading.result(_PATIENCE)
            self._reading.cancel()
            self._read_at = monotonic()
        return self._readings
