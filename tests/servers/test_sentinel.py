"""Wake-ups, ticks and the cache on a Redis that Sentinel guards."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from builders import OWNER, START
from orak.adapters.live.redis import RedisLive
from orak.adapters.redis.link import RedisLink, check_redis
from orak.application.ports.failures import InvalidConfiguration, Unavailable
from orak.application.ports.live import LiveMessage
from orak.domain.identity import RecordId, UploadId
from orak.domain.processing import ProcessingStatus
from sentinel import a_guarded_redis
from waiting_uploads import WaitingUploads, a_sender, a_worker

DEADLINE = 40


@pytest.fixture
def guarded():
    with a_guarded_redis() as guarded:
        yield guarded


@asynccontextmanager
async def a_live(url):
    async with RedisLink.open(url, "Redis") as link, RedisLive.open(url, link) as live:
        yield live


def a_tick(progress):
    return LiveMessage(None, RecordId(1), UploadId(2), ProcessingStatus.PROCESSING, progress, START)


async def everything_works(queue, uploads, sending, receiving):
    """Wait until a wake-up and a tick arrive."""
    number = len(uploads.done)
    uploads.waiting.append(number)
    async with asyncio.timeout(DEADLINE), receiving.listen(OWNER) as messages:
        while len(uploads.done) == number:  # right after a failover, a wake-up may be lost
            await queue.wake()
            await asyncio.sleep(0.05)
        received = asyncio.create_task(anext(messages))
        while not received.done():
            await sending.publish(OWNER, a_tick(number))
            await asyncio.wait({received}, timeout=0.05)
        assert received.result().progress == number


@pytest.mark.parametrize("loss", ["primary and a sentinel killed", "primary demoted"])
async def test_a_failover_needs_no_restart_of_orak(guarded, loss):
    uploads = WaitingUploads()
    uploads.open.set()
    async with (
        a_sender(guarded) as queue,
        a_worker(guarded, uploads),
        a_live(guarded.url) as sending,
        a_live(guarded.url) as receiving,
    ):
        await everything_works(queue, uploads, sending, receiving)
        before = guarded.primary
        if loss == "primary demoted":
            guarded.fail_over()
        else:
            guarded.kill(before)
            guarded.kill(guarded.sentinels[0])
        async with asyncio.timeout(DEADLINE):
            while guarded.primary == before:  # noqa: ASYNC110 - of another process, which sets no event
                await asyncio.sleep(0.05)
        await everything_works(queue, uploads, sending, receiving)
        await check_redis(guarded.url)


async def test_a_service_that_no_sentinel_knows_is_reported(guarded):
    with pytest.raises(Unavailable, match="unknown-primary"):
        await check_redis(guarded.url.replace("orak-primary", "unknown-primary"))


async def test_wrong_parameters_are_refused(guarded):
    with pytest.raises(InvalidConfiguration):
        await check_redis(f"{guarded.url}?socket_timeout=soon")
