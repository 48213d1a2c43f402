"""The HTTP server in this process."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext

import uvicorn

from orak.entrypoints.container import run
from orak.entrypoints.http.app import create_app
from orak.entrypoints.http.serving.server import server_config
from orak.entrypoints.running import Running
from orak.entrypoints.settings.values import Settings


class _Server(uvicorn.Server):
    """A server that says when it answers, and leaves signals to whoever runs it."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.answers = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        finally:
            self.answers.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(settings: Settings, listener: socket.socket) -> AsyncIterator[Running]:
    """Serve until the block ends; inside it, calls are answered already."""
    async with run(settings) as orak:
        # The application does not open orak itself: what goes wrong at that belongs to us, not into its log.
        app = create_app(settings, lambda: nullcontext(orak))
        server = _Server(server_config(app, settings))
        task = asyncio.create_task(server.serve([listener]), name="http")
        try:
            await server.answers.wait()
            if not server.started:
                await task  # raises what kept it from starting
            yield orak
        finally:
            orak.end_waits()
            server.should_exit = True
            await task
