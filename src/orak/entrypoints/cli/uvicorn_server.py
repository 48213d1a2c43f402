"""A uvicorn server in this process, whose signals and lifetime are up to the command."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn

_TURN_SECONDS, _TURNS = 0.01, 100
"""How often, and for how long, a server that ends looks whether new connections have sent a request."""


@asynccontextmanager
async def answering(
    config: uvicorn.Config, listener: socket.socket, *, when_ending: Callable[[], None] = lambda: None
) -> AsyncIterator[None]:
    """Answer on *listener* until the block ends; it responds when the block begins.

    *when_ending* is called before the server waits for the last answers.
    """
    server = _Server(config)
    task = asyncio.create_task(server.serve([listener]), name="http")
    try:
        await server.startup_ended.wait()
        if not server.started:
            await task  # raises the error that kept it from starting
        yield
    finally:
        when_ending()
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
