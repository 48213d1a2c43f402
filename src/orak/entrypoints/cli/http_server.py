"""The HTTP server in this process."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext

import uvicorn
from litestar import Litestar

from orak.adapters.measurements.shared import SharedMeasurements
from orak.entrypoints.http.app import create_app
from orak.entrypoints.http.serving.server import server_config
from orak.entrypoints.running import Running, run
from orak.entrypoints.settings.share import WHOLE, Share
from orak.entrypoints.settings.values import Settings
from orak.entrypoints.telemetry.recorders import NO_TELEMETRY, Telemetry

_TURN_SECONDS, _TURNS = 0.01, 100
"""How often, and for how long, a server that ends looks whether new connections have sent a request."""


@asynccontextmanager
async def serving(
    settings: Settings,
    listener: socket.socket,
    *,
    share: Share = WHOLE,
    counted: SharedMeasurements | None = None,
    telemetry: Telemetry = NO_TELEMETRY,
) -> AsyncIterator[Running]:
    """Serve the API on *listener* until the block ends, then close it.

    The server responds when the block begins. It converts with its *share* of the machine, and counts in the
    table *counted*; by default, in one of its own. *telemetry* records what it does.
    """
    with listener:  # also where orak cannot be opened
        async with run(settings, share=share, counted=counted, telemetry=telemetry) as orak:
            app = create_app(settings, lambda: nullcontext(orak), telemetry.traced)
            async with _answering(orak, app, settings, listener):
                yield orak


@asynccontextmanager
async def _answering(
    orak: Running, app: Litestar, settings: Settings, listener: socket.socket
) -> AsyncIterator[None]:
    # orak is open already, not opened by the application: errors reach the caller, not uvicorn's log.
    server = _Server(server_config(app, settings, orak.draining))
    task = asyncio.create_task(server.serve([listener]), name="http")
    try:
        await server.startup_ended.wait()
        if not server.started:
            await task  # raises the error that kept it from starting
        yield
    finally:
        orak.end_waits()
        server.should_exit = True
        await task


class _Server(uvicorn.Server):
    """A uvicorn server that reports the end of its startup and leaves signals to the command."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.startup_ended = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        finally:
            self.startup_ended.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more connections, answer the first request of those just accepted, then close all.

        uvicorn closes connections without a request at once, also those whose request is on its way. Their
        clients saw no refusal and no answer, and would not know whether to repeat the call.
        """
        for server in self.servers:
            server.close()
        for _ in range(_TURNS):
            await asyncio.sleep(_TURN_SECONDS)  # first: a connection that was just accepted is not listed yet
            if all(getattr(one, "cycle", one) is not None for one in self.server_state.connections):
                break
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
