"""The standard variables of OpenTelemetry, and what they ask for.

The SDK reads them itself. This module says whether it has to be loaded at all, which takes a third of a
second. Source: OpenTelemetry specification, "Environment Variable Specification".
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from orak.entrypoints.settings.checks import InvalidSetting

Signal = Literal["TRACES", "METRICS"]

SIGNALS: tuple[Signal, ...] = ("TRACES", "METRICS")

_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


class Asked(NamedTuple):
    """An exporter, and the variable that asks for it."""

    exporter: str
    variable: str


def exporters(signal: Signal, variables: Mapping[str, str]) -> list[Asked]:
    """Return the exporters of *signal* that *variables* ask for.

    An endpoint alone asks for `otlp`. Unlike in the specification, a signal that no variable names is not
    exported: without an endpoint, nothing would answer.
    """
    if variables.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return []
    name = f"OTEL_{signal}_EXPORTER"
    if named := variables.get(name, "").strip():
        return [Asked(one.strip(), name) for one in named.split(",") if one.strip() not in {"", "none"}]
    for endpoint in (f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT", _ENDPOINT):
        if variables.get(endpoint):
            return [Asked("otlp", endpoint)]
    return []


def not_installed(asked: Asked, package: str, requirement: str) -> InvalidSetting:
    """Return the error of an exporter whose package is missing."""
    return InvalidSetting(
        asked.variable, f"is set, but {package} is not installed", f"pip install '{requirement}'"
    )
