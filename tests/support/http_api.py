"""The HTTP application on in-memory adapters, and its clients."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from types import MappingProxyType
from urllib.parse import unquote

import httpx
from litestar import Litestar

from memory_orak import MemoryOrak, a_memory_orak
from orak.adapters.auth.issuing import issue_token
from orak.adapters.auth.jwt import JwtTokens
from orak.adapters.clock.frozen import FrozenClock
from orak.adapters.clock.system import SystemClock
from orak.application.clock_skew import ClockSkew
from orak.domain.identity import UploadId, UserId
from orak.entrypoints.http.app import create_app
from orak.entrypoints.readiness import Readiness, storage_probe
from orak.entrypoints.running import Running
from orak.entrypoints.settings.values import Settings

URL = "http://orak.test"
SECRET = "a secret that is long enough for HS256"
OWNER, OTHER_USER = 1, 2

SETTINGS = Settings(jwt_secret=SECRET, public_url=URL, cors_origins=("https://app.example.com",))

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})

NEW_UPLOAD = {"originalFilename": "take.webm", "fileSize": 3, "contentType": "audio/webm"}
"""The parameters of an upload whose bytes are `abc`."""


@dataclass(frozen=True)
class Api:
    """A running application, and its in-memory service."""

    app: Litestar
    service: MemoryOrak
    running: Running
    stack: AsyncExitStack

    async def caller(
        self, user_id: int | None = OWNER, *, scopes: tuple[str, ...] = (), **headers: str
    ) -> httpx.AsyncClient:
        """Return a client with the token of a user, or without a token if *user_id* is None."""
        if user_id is not None:
            headers["Authorization"] = f"Bearer {self.token(user_id, scopes)}"
        return await self.stack.enter_async_context(
            httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=URL, headers=headers)
        )

    def token(self, user_id: int, scopes: tuple[str, ...] = ()) -> str:
        """Return a token that is valid for a day."""
        return issue_token(SECRET, UserId(user_id), scopes, timedelta(days=1), self.service.clock.now())


@asynccontextmanager
async def an_api(settings: Settings = SETTINGS, *, clock: FrozenClock | None = None) -> AsyncIterator[Api]:
    """Run the application in memory until the block ends."""
    async with a_memory_orak(clock) as service, AsyncExitStack() as stack:
        running = Running(
            use_cases=service.use_cases,
            tokens=JwtTokens(clock=service.clock, secret=SECRET),
            object_server=service.storage,
            media=service.storage,
            clock=service.clock,
            settings=settings,
            readiness=Readiness({"storage": storage_probe(service.storage)}),
            clock_skew=ClockSkew(SystemClock(), {}),
            waits=service.waits,
            finish_conversions=_nothing,
            end_conversion_waits=lambda: None,  # nothing converts by itself, so nothing waits
            measurements=service.measurements,
            counted=service.measurements,
        )
        app = _app(settings)
        _next.append(running)
        await stack.enter_async_context(started(app))
        yield Api(app, service, running, stack)


async def _nothing() -> None:
    pass


_next: list[Running] = []


@cache
def _app(settings: Settings) -> Litestar:
    """Build the application once a process; each start serves the service added last to `_next`."""
    return create_app(settings, lambda: nullcontext(_next.pop()))


@asynccontextmanager
async def started(app: Litestar) -> AsyncIterator[None]:
    """Start and stop *app* as a server does (ASGI lifespan).

    The lifespan runs in one task of its own: pytest enters and leaves a fixture in two.
    """
    to_app: asyncio.Queue[dict] = asyncio.Queue()
    from_app: asyncio.Queue[dict] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    running = asyncio.create_task(app(scope, to_app.get, from_app.put))
    await to_app.put({"type": "lifespan.startup"})
    assert (await from_app.get())["type"] == "lifespan.startup.complete"
    try:
        yield
    finally:
        await to_app.put({"type": "lifespan.shutdown"})
        assert (await from_app.get())["type"] == "lifespan.shutdown.complete"
        await running


async def presign(client: httpx.AsyncClient, **changes: object) -> dict:
    """Request a URL for three bytes."""
    answer = await client.post("/records/async/presigned-url", json=NEW_UPLOAD | changes)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def upload(client: httpx.AsyncClient, content: bytes = b"abc") -> dict:
    """Request a URL and send the bytes to it."""
    signed = await presign(client, fileSize=len(content))
    answer = await client.put(signed["presignedUrl"], content=content, headers=signed["headers"])
    assert answer.status_code == 200, answer.text
    return signed


async def create_record(client: httpx.AsyncClient, signed: dict, **fields: object) -> dict:
    """Create the record of an upload."""
    answer = await client.post(
        "/records/async", json={"title": "첫 노래", "uploadId": signed["uploadId"]} | fields
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


async def convert(api: Api, record: dict) -> None:
    """Convert the upload of a record, as a worker does."""
    assert await api.service.use_cases.process_upload(UploadId(record["uploadId"]))


def wrong_fields(answer: httpx.Response) -> list[tuple[str, str]]:
    """Return field and code of every problem in a 400."""
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["code"] == "VALIDATION_FAILED"
    return [(detail["field"], detail["code"]) for detail in error["details"]]


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Return status and code of an error, after checking its envelope."""
    error = answer.json()["error"]
    assert set(error) == {"code", "message", "timestamp", "path", "requestId", "details"}, error
    assert error["message"]
    assert error["requestId"] == answer.headers["x-request-id"]
    assert "?" not in error["path"]
    return answer.status_code, error["code"]


def a_scope(method: str, url: str, headers: Mapping[str, str] = _NO_HEADERS) -> dict:
    """Return the ASGI scope of a request, for requests that httpx would not send."""
    path, _, query = httpx.URL(url).raw_path.partition(b"?")
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path.decode()),
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": None,
        "server": None,
        "state": {},
    }
