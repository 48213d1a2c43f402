"""What records the work of a process."""

from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orak.adapters.measurements.shared import SharedMeasurements
from orak.adapters.traces.none import NoTraces
from orak.application.ports.metrics import Row
from orak.application.ports.traces import Traces

if TYPE_CHECKING:
    from litestar.types import ASGIApp

Readings = Mapping[str, Mapping[Row, float]]
"""The rows of each metric that was read, by its name; a metric without an answer is missing."""

Read = Callable[[], Coroutine[Any, Any, Readings]]
"""Reads them in the event loop."""


@dataclass(frozen=True, slots=True)
class Telemetry:
    """The recorders of one process."""

    traces: Traces
    traced: "Callable[[ASGIApp], ASGIApp]"
    """Returns an application that records each request to the given one."""
    counts_from: Callable[[SharedMeasurements], None] = lambda _: None
    """Exports what these measurements count from now on."""
    reading: Callable[[Read], AbstractContextManager[None]] = lambda _: nullcontext()
    """Exports what is read, until the block ends."""


NO_TELEMETRY = Telemetry(NoTraces(), lambda app: app)
