"""What records the work of a process."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orak.adapters.traces.none import NoTraces
from orak.application.ports.measurements import Measurements
from orak.application.ports.traces import Traces

if TYPE_CHECKING:
    from litestar.types import ASGIApp


@dataclass(frozen=True, slots=True)
class Telemetry:
    """The recorders of one process."""

    traces: Traces
    traced: "Callable[[ASGIApp], ASGIApp]"
    """Returns an application that records each request to the given one."""
    measured: Callable[[Measurements], Measurements] = lambda measurements: measurements
    """Returns measurements that count with the given ones, and elsewhere."""


NO_TELEMETRY = Telemetry(NoTraces(), lambda app: app)
