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
from orak.entrypoints.http.answers.errors import error_response
from orak.entrypoints.http.serving.deadline import NO_DEADLINE, Deadline
from orak.entrypoints.http.serving.response_hook import response_hook, send_request_id

SOON = 0.05
"""Seconds; the deadline under test."""

TEST_TIMEOUT = 10


@pytest.fixture
def hung():
    """What the hanging handler does and sees."""
    return SimpleNamespace(cancelled=asyncio.Event(), may_end=asyncio.Event(), then=None)


@pytest.fixture
async def client(hung):
    @get("/hangs")
    async def hangs() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            hung.cancelled.set()
            await hung.may_end.wait()
            if hung.then is not None:
                raise hung.then from None
            raise

    @get("/without-deadline", opt={NO_DEADLINE: True})
    async def without_deadline() -> str:
        await asyncio.sleep(2 * SOON)
        return "done"

    @get("/streams")
    async def streams() -> Stream:
        async def slowly():
            yield b"first "
            await asyncio.sleep(2 * SOON)
            yield b"last"

        return Stream(slowly())

    app = Litestar(
        [hangs, without_deadline, streams],
        middleware=[Deadline(SOON)],
        before_send=[response_hook(send_request_id)],
        exception_handlers={Exception: error_response},
        openapi_config=None,
    )
    app.state.running = SimpleNamespace(clock=FrozenClock(), settings=SETTINGS)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL) as client:
        yield client


@pytest.mark.parametrize("then", [None, ConnectionError("the driver"), HTTPException("refused")])
async def test_a_hanging_call_is_answered_503_and_cancelled(client, hung, then):
    hung.then = then
    async with asyncio.timeout(TEST_TIMEOUT):
        asking = asyncio.create_task(client.get("/hangs", headers={"X-Request-Id": "mine"}))
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
