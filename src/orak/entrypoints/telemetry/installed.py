"""The exporters of traces and metrics, found by their entry points; none is imported."""

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points

from orak.entrypoints.settings.checks import InvalidSetting
from orak.entrypoints.telemetry.variables import Asked, Signal, exporters, not_installed

_PROTOCOLS = {"http/protobuf": "otlp_proto_http", "grpc": "otlp_proto_grpc"}
"""The names under which the packages of the exporters register."""

_DEFAULT_PROTOCOL = "http/protobuf"


def installed(signal: Signal, variables: Mapping[str, str]) -> list[EntryPoint]:
    """Return the exporters of *signal* that *variables* ask for. Raise `InvalidSetting` if one is missing."""
    return [_found(signal, asked, variables) for asked in exporters(signal, variables)]


def _found(signal: Signal, asked: Asked, variables: Mapping[str, str]) -> EntryPoint:
    name, protocol = asked.exporter, None
    if name == "otlp":
        protocol = _protocol(signal, variables)
        name = _PROTOCOLS[protocol]
    found = next(iter(entry_points(group=f"opentelemetry_{signal.lower()}_exporter", name=name)), None)
    if found is None and protocol is not None:
        package = f"opentelemetry-exporter-{name.replace('_', '-')}"
        raise not_installed(asked, package, package)
    if found is None:
        raise InvalidSetting(
            asked.variable,
            f"names {asked.exporter!r}, and no such exporter is installed",
            "use otlp, console or none, or install the package of that exporter",
        )
    return found


def _protocol(signal: Signal, variables: Mapping[str, str]) -> str:
    for name in (f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        if protocol := variables.get(name, "").strip():
            if protocol not in _PROTOCOLS:
                raise InvalidSetting(name, f"is {protocol!r}, not http/protobuf or grpc", f"unset {name}")
            return protocol
    return _DEFAULT_PROTOCOL
