"""The application as `orak serve` runs it, in this process: on a real socket, or called directly."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import urlsplit

import httpx
import uvicorn

from http_api import SECRET, URL, started
from orak.adapters.auth.issuing import issue_token
from orak.domain.identity import UserId
from orak.entrypoints.http.app import create_app
from orak.entrypoints.http.serving.server import server_config
from orak.entrypoints.running import Running, run
from orak.entrypoints.settings.values import Settings
from orak.entrypoints.telemetry.recorders import NO_TELEMETRY

DEADLINE = 20
"""Seconds; only a server that hangs reaches this limit."""


class AnnouncedServer(uvicorn.Server):
    """A server that sets an event when it is up, and leaves the signals of the process alone."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets=None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextmanager
    def capture_signals(self):
        yield

    @property
    def running(self) -> Running:
        return self.config.app.state.running

    @property
    def address(self) -> tuple[str, int]:
        return self.servers[0].sockets[0].getsockname()

    @property
    def url(self) -> str:
        host, port = self.address
        return f"http://{host}:{port}"


@asynccontextmanager
async def served(data_dir, **changes):
    """Serve on a socket until the block ends; yield the server and a client of user 1.

    Nothing is converted unless *changes* of the settings say so.
    """
    quiet = {"port": 0, "jwt_secret": SECRET, "batch_enabled": False, "immediate_slots": 0}
    settings = Settings(data_dir=data_dir, **quiet | changes)
    server = AnnouncedServer(server_config(create_app(settings, partial(run, settings)), settings))
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(DEADLINE):
        await server.up.wait()
    async with caller(server) as client:
        yield server, client
    server.should_exit = True
    async with asyncio.timeout(DEADLINE):
        await serving


@asynccontextmanager
async def in_process(data_dir, *, telemetry=NO_TELEMETRY, **changes):
    """Run the application without a socket until the block ends; yield a client of user 1."""
    changes = {"batch_enabled": False} | changes
    settings = Settings(data_dir=data_dir, jwt_secret=SECRET, public_url=URL, **changes)
    app = create_app(settings, partial(run, settings, telemetry=telemetry), traced=telemetry.traced)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(started(app))
        yield await stack.enter_async_context(
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app),
                base_url=URL,
                headers={"Authorization": f"Bearer {a_token()}"},
                timeout=30,
            )
        )


def on_server(server: AnnouncedServer, signed: dict) -> dict:
    """Return *signed* with a URL of *server*: URLs are signed for the configured port, which is 0."""
    path = urlsplit(signed["presignedUrl"])
    return signed | {"presignedUrl": f"{server.url}{path.path}?{path.query}"}


def a_token(user: int = 1, life: timedelta = timedelta(hours=1), scopes: tuple[str, ...] = ()) -> str:
    return issue_token(SECRET, UserId(user), scopes, life, datetime.now(UTC))


def caller(server: AnnouncedServer, user: int = 1) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {a_token(user)}"}
    return httpx.AsyncClient(base_url=server.url, headers=headers, timeout=DEADLINE)
