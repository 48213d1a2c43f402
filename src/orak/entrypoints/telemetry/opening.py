"""Traces and metrics by OpenTelemetry, for the time that a process runs."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING

from orak.entrypoints.settings.sources import opentelemetry_variables
from orak.entrypoints.telemetry.installed import installed
from orak.entrypoints.telemetry.recorders import NO_TELEMETRY, Telemetry
from orak.entrypoints.telemetry.variables import SIGNALS, Asked, exporters, not_installed

if TYPE_CHECKING:
    from orak.entrypoints.telemetry.sdk import Providers

FLUSH_SECONDS = 2.0
"""How long the end of a process waits for the last spans and metrics: it has 10 s for everything."""

_log = logging.getLogger(__name__)


def check_telemetry(variables: Mapping[str, str] | None = None) -> Asked | None:
    """Return what *variables*, or those of environment and `.env`, ask for; None if it is nothing.

    Raise `InvalidSetting` if the SDK or one of the exporters is not installed.
    """
    variables = opentelemetry_variables() if variables is None else variables
    asked = next((one for signal in SIGNALS for one in exporters(signal, variables)), None)
    if asked is not None:
        with _blaming(asked):
            import_module("opentelemetry.sdk.trace")  # `opentelemetry.sdk` alone is a namespace
        for signal in SIGNALS:
            installed(signal, variables)
    return asked


@asynccontextmanager
async def telemetry(variables: Mapping[str, str] | None = None) -> AsyncIterator[Telemetry]:
    """Record what *variables* ask for until the block ends, and export what is left, for up to 2 s.

    By default, they are those of environment and `.env`.

    Raises:
        InvalidSetting: a package is not installed, or no exporter has the name that is asked for.
    """
    variables = opentelemetry_variables() if variables is None else variables
    asked = check_telemetry(variables)
    if asked is None:
        yield NO_TELEMETRY
        return
    with _blaming(asked), _in_environment(variables):
        from orak.entrypoints.telemetry.libraries import Libraries  # noqa: PLC0415 - slow to import, and an extra
        from orak.entrypoints.telemetry.sdk import Providers  # noqa: PLC0415 - as above

        providers = Providers.configured(variables)
        libraries = Libraries()
    try:
        with libraries.instrumented(providers.tracers):
            yield providers.telemetry()
    finally:
        await _flushed(providers)


@contextmanager
def _blaming(asked: Asked) -> Iterator[None]:
    """Raise `InvalidSetting` for what was asked where a package is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise not_installed(asked, str(error.name), "orak[otel]") from error


@contextmanager
def _in_environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Put *variables* into the environment, where the SDK reads them when it is configured."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


async def _flushed(providers: "Providers") -> None:
    """Export what is left. A collector that does not answer must not hold up the end of the process."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def flush() -> None:
        providers.shutdown()
        with suppress(RuntimeError):  # the loop is closed: it did not wait so long
            loop.call_soon_threadsafe(ended.set)

    # A daemon: the event loop waits for the threads of its own executor, for as long as they take.
    Thread(target=flush, name="telemetry", daemon=True).start()
    try:
        async with asyncio.timeout(FLUSH_SECONDS):
            await ended.wait()
    except TimeoutError:
        _log.warning(
            "the last spans and metrics are lost: the collector did not take them in %g s",
            FLUSH_SECONDS,
            extra={"event": "close_error"},
        )
