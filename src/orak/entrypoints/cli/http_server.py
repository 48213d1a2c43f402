"""The HTTP server in this process."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from functools import partial

from msgspec.structs import replace

from orak.adapters.measurements.shared import SharedMeasurements
from orak.entrypoints.cli.metrics_server import serving_metrics
from orak.entrypoints.cli.uvicorn_server import answering
from orak.entrypoints.http.app import create_app
from orak.entrypoints.http.serving.server import server_config
from orak.entrypoints.metrics.readings import read_metrics
from orak.entrypoints.running import Running, run
from orak.entrypoints.settings.share import WHOLE, Share
from orak.entrypoints.settings.values import Settings
from orak.entrypoints.telemetry.recorders import NO_TELEMETRY, Telemetry


@asynccontextmanager
async def serving(
    settings: Settings,
    listener: socket.socket,
    *,
    metrics_listener: socket.socket | None = None,
    share: Share = WHOLE,
    counted: SharedMeasurements | None = None,
    telemetry: Telemetry = NO_TELEMETRY,
) -> AsyncIterator[Running]:
    """Serve the API on *listener* until the block ends, then close it.

    The server responds when the block begins. It converts with its *share* of the machine, and counts in the
    table *counted*; by default, in one of its own. It serves the metrics on *metrics_listener*; without that,
    beside the API. *telemetry* records what it does.
    """
    # Not what the setting says: a web worker has the socket that its parent opened, or none.
    port = None if metrics_listener is None else metrics_listener.getsockname()[1]
    settings = replace(settings, metrics_port=port)
    with listener:  # also where orak cannot be opened
        async with (
            run(settings, share=share, counted=counted, telemetry=telemetry) as orak,
            serving_metrics(orak, metrics_listener) as end_metrics,
        ):
            # orak is open already, not opened by the application: errors reach the caller, not uvicorn's log.
            app = create_app(settings, lambda: nullcontext(orak), telemetry.traced)
            config = server_config(app, settings, orak.draining)

            def begin_to_end() -> None:
                end_metrics()
                orak.end_waits()

            with telemetry.reading(partial(read_metrics, orak)):
                async with answering(config, listener, when_ending=begin_to_end):
                    yield orak
