"""Answers that do not begin within the deadline."""

import asyncio
from types import SimpleNamespace

import httpx
import pytest
from litestar import Litestar, get
from litestar.exceptions import HTTPException
from litestar.response import Stream

from http_api import SETTINGS, URL
from orak.adapters.clock.frozen import FrozenClock
from orak.entrypoints.http.answers.encoded_records import EncodedRecords
from orak.entrypoints.http.answers.errors import litestar_error_response
from orak.entrypoints.http.api import ApiRequest, ApiResponse, Routes
from orak.entrypoints.http.routing import AnyRequest
from orak.entrypoints.http.serving.answer_heads import AnswerHeads
from orak.entrypoints.http.serving.dispatch import Dispatcher
from orak.entrypoints.http.serving.exchange import exchange_of
from orak.entrypoints.http.serving.request_metrics import RequestMetrics

SOON = 0.05
"""Seconds; the deadline under test."""

TEST_TIMEOUT = 10


@pytest.fixture
def hung():
    """What the hanging handler does and sees."""
    return SimpleNamespace(cancelled=asyncio.Event(), may_end=asyncio.Event(), then=None)


async def hang(hung) -> None:
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        hung.cancelled.set()
        await hung.may_end.wait()
        if hung.then is not None:
            raise hung.then from None
        raise


def handlers(hung) -> list:
    """Return handlers that Litestar calls."""

    @get("/stream/hangs")
    async def stream_hangs() -> None:
        await hang(hung)

    @get("/without-deadline")
    async def without_deadline(request: AnyRequest) -> str:
        exchange_of(request.scope).lift_deadline()
        await asyncio.sleep(2 * SOON)
        return "done"

    @get("/received")
    async def received(request: AnyRequest) -> None:
        exchange_of(request.scope).lift_deadline()
        await asyncio.sleep(2 * SOON)
        exchange_of(request.scope).restore_deadline()
        await hang(hung)

    @get("/stream/without-body")
    async def stream_without_body() -> Stream:
        async def never():
            await hang(hung)
            yield b""

        return Stream(never())

    @get("/streams")
    async def streams() -> Stream:
        async def slowly():
            yield b"first "
            await asyncio.sleep(2 * SOON)
            yield b"last"

        return Stream(slowly())

    return [stream_hangs, without_deadline, received, stream_without_body, streams]


@pytest.fixture
async def client(hung):
    api = Routes("/api", "records", is_public=True)

    @api.get("/hangs")
    async def api_hangs(_: ApiRequest) -> ApiResponse:
        await hang(hung)
        return ApiResponse()

    app = Litestar(
        handlers(hung),
        exception_handlers={Exception: litestar_error_response},
        openapi_config=None,
    )
    app.asgi_handler = Dispatcher(api, app.asgi_handler, AnswerHeads((), RequestMetrics()), deadline=SOON)
    app.state.running = SimpleNamespace(clock=FrozenClock(), settings=SETTINGS)
    app.state.encoded_records = EncodedRecords(SETTINGS)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL) as client:
        yield client


@pytest.mark.parametrize("path", ["/api/hangs", "/stream/hangs", "/received", "/stream/without-body"])
@pytest.mark.parametrize("then", [None, ConnectionError("the driver"), HTTPException("refused")])
async def test_a_hanging_call_is_answered_503_and_cancelled(client, hung, path, then):
    hung.then = then
    async with asyncio.timeout(TEST_TIMEOUT):
        asking = asyncio.create_task(client.get(path, headers={"X-Request-Id": "mine"}))
        await hung.cancelled.wait()
        hung.may_end.set()
        refused = await asking
    assert refused.status_code == 503
    assert refused.json()["error"]["code"] == "UNAVAILABLE"
    assert refused.headers["x-request-id"] == refused.json()["error"]["requestId"] == "mine"
    assert refused.headers["retry-after"]
    assert refused.headers["connection"] == "close"


@pytest.mark.parametrize(("path", "text"), [("/without-deadline", "done"), ("/streams", "first last")])
async def test_answers_in_progress_and_calls_without_a_deadline_may_take_longer(client, path, text):
    answered = await client.get(path)
    assert (answered.status_code, answered.text) == (200, text)
