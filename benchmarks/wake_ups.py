"""Goal 11: from a wake-up to the start of its work on an idle worker, against taskiq's list broker alone.

`python -m benchmarks.wake_ups orak|taskiq URL` is the worker: it prints the time of each start.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from statistics import median
from typing import IO, Protocol

from taskiq.receiver import Receiver
from taskiq_redis import ListQueueBroker

from benchmarks.rounds import Line, line, milliseconds
from benchmarks.servers import ROOT
from orak.adapters.clock.system import SystemClock
from orak.adapters.queues.inline import InlineQueue
from orak.adapters.queues.taskiq_queue import TaskiqQueue
from orak.adapters.redis.link import RedisLink
from orak.domain.upload import Upload
from orak.entrypoints.worker.taskiq_listener import listening
from redis_server import a_redis_server

_WAKE_UPS = 100
_PAUSE_SECONDS = 0.02
_KINDS = ("taskiq", "orak")


class _Wake(Protocol):
    async def __call__(self) -> None: ...


def waking(rounds: int) -> list[Line]:
    """Measure goal 11: rounds of single wake-ups with pauses in between, so that the worker is idle."""
    seconds: dict[str, list[float]] = {kind: [] for kind in _KINDS}
    with (
        a_redis_server() as taskiq,
        a_redis_server() as orak,
        _worker("taskiq", taskiq.url) as started_by_taskiq,
        _worker("orak", orak.url) as started_by_orak,
    ):
        asyncio.run(
            _alternately(
                rounds,
                {"taskiq": (taskiq.url, started_by_taskiq), "orak": (orak.url, started_by_orak)},
                seconds,
            )
        )
    what = "idle wake-up to start, p50, against taskiq's list broker"
    return [line("11", what, (seconds["taskiq"], seconds["orak"]), milliseconds, at_most=1.2, stretch=1.0)]


async def _alternately(
    rounds: int, workers: dict[str, tuple[str, IO[str]]], seconds: dict[str, list[float]]
) -> None:
    async with _sender_of_orak(workers["orak"][0]) as orak, _sender_of_taskiq(workers["taskiq"][0]) as taskiq:
        senders = {"taskiq": taskiq, "orak": orak}
        for number in range(rounds + 1):
            for kind in _KINDS:
                delays = [await _delay(senders[kind], workers[kind][1]) for _ in range(_WAKE_UPS)]
                if number:
                    seconds[kind].append(median(delays))


async def _delay(wake: _Wake, starts: IO[str]) -> float:
    await asyncio.sleep(_PAUSE_SECONDS)
    sent_at = time.monotonic()  # the same clock in all processes of a machine
    await wake()
    started_at = await asyncio.to_thread(starts.readline)
    return float(started_at) - sent_at


@asynccontextmanager
async def _sender_of_taskiq(url: str) -> AsyncIterator[_Wake]:
    broker = ListQueueBroker(url)
    task = broker.register_task(_nothing, "start")
    await broker.startup()

    async def wake() -> None:
        await task.kiq()

    yield wake
    await broker.shutdown()


@asynccontextmanager
async def _sender_of_orak(url: str) -> AsyncIterator[_Wake]:
    async with RedisLink.open(url, "Redis") as link, TaskiqQueue.open(url, link, SystemClock()) as queue:
        yield queue.wake


async def _nothing() -> None:
    """Stand in for the task in the process that sends."""


@contextmanager
def _worker(kind: str, url: str) -> Iterator[IO[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.wake_ups", kind, url], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n", f"the worker of {kind} did not start"
        yield process.stdout
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


async def _run_worker(kind: str, url: str) -> None:
    async def start() -> Upload | None:
        print(time.monotonic(), flush=True)
        return None

    if kind == "taskiq":
        broker = ListQueueBroker(url, socket_timeout=None)  # or its worker dies after 5 idle seconds
        broker.register_task(start, "start")
        await broker.startup()
        print("ready", flush=True)
        await Receiver(broker, max_async_tasks=1, validate_params=False).listen(asyncio.Event())
    clock = SystemClock()
    pool = InlineQueue(asyncio.Semaphore(1), clock, workers=1)
    pool.open(start)
    async with RedisLink.open(url, "Redis") as link, listening(url, link, pool, pool.wake):
        print("ready", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_run_worker(*sys.argv[1:]))
