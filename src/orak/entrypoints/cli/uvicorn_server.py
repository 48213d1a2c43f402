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
    config: uvicorn.Config,
    listener: socket.socket,
    *,
    when_ending: Callable[[], None] = lambda: None,
    awaits_first_requests: bool = True,
) -> AsyncIterator[Callable[[], None]]:
    """Answer on *listener* until the block ends; it responds when the block begins.

    Yields a call that has the server begin to end before that: several servers then end at the same time.
    *when_ending* is called before the server waits for the last answers, and before that for up to a second
    for requests on their way, if it *awaits_first_requests*.
    """
    server = _Server(config, _TURNS if awaits_first_requests else 0)

    def end() -> None:
        server.should_exit = True

    task = asyncio.create_task(server.serve([listener]), name="http")
    try:
        await server.startup_ended.wait()
        if not server.started:
            await task  # raises the error that kept it from starting
        yield end
    finally:
        when_ending()
        end()
        await task


class _Server(uvicorn.Server):
    """A uvicorn server that reports the end of its startup and leaves signals to the command."""

    def __init__(self, config: uvicorn.Config, turns: int) -> None:
        super().__init__(config)
        self._turns = turns
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
        for _ in range(self._turns):
            await asyncio.sleep(_TURN_SECONDS)  # first: a connection that was just accepted is not listed yet
            if all(getattr(one, "cycle", one) is not None for one in self.server_state.connections):
                break
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
