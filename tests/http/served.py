"""The application on a real socket, in this process."""

import asyncio
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

import httpx
import uvicorn
from http_api import SECRET

from orak.adapters.auth.issuing import issue_token
from orak.domain.identity import UserId
from orak.entrypoints.container import run
from orak.entrypoints.http.app import create_app
from orak.entrypoints.http.serving.server import server_config
from orak.entrypoints.running import Running
from orak.entrypoints.settings.values import Settings

DEADLINE = 20


class AnnouncedServer(uvicorn.Server):
    """A server that says when it is up, and leaves the process's signals alone."""

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
    def url(self) -> str:
        host, port = self.servers[0].sockets[0].getsockname()
        return f"http://{host}:{port}"


@asynccontextmanager
async def served(data_dir, **changes):
    """Serve, and call as user 1; nothing converts by itself."""
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


def a_token(user: int = 1, life: timedelta = timedelta(hours=1)) -> str:
    return issue_token(SECRET, UserId(user), (), life, datetime.now(UTC))


def caller(server: AnnouncedServer, user: int = 1) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {a_token(user)}"}
    return httpx.AsyncClient(base_url=server.url, headers=headers, timeout=DEADLINE)
