"""A client of one API follows what a worker of another process does."""

import asyncio
import contextlib

import httpx

from orak.client import AsyncOrakClient
from orak.entrypoints.cli.tokens import signed_token
from orak.entrypoints.settings.values import Settings
from reliability.singers import SECRET, a_take
from reliability.world import cluster

TAKES = 3
SECONDS_OF_TAKE = 60
CUTS = 20
DEADLINE = 100


def a_client(world, number, user=1):
    token = signed_token(Settings(jwt_secret=SECRET), SECRET, user, (), 1)
    return AsyncOrakClient(world.apis[number], token)


async def ready(world):
    async with asyncio.timeout(DEADLINE), httpx.AsyncClient() as http:
        for api in world.apis:
            while True:
                with contextlib.suppress(httpx.TransportError):
                    if (await http.get(f"{api}/health/ready")).is_success:
                        break
                await asyncio.sleep(0.1)  # another process sets no event


async def follow(client, events, *, until, cuts=0):
    """Note what is told, coming again after each cut where the last stream ended."""
    last, seen = None, 0
    while not until():
        async with contextlib.aclosing(client.events(after=last)) as stream:
            async for event in stream:
                seen += 1
                events.append(event)
                last = event.event_id
                if until() or (cuts and seen % 3 == 0):
                    cuts = max(0, cuts - 1)
                    break


async def test_progress_and_every_change_reach_another_process(tmp_path):
    (tmp_path / "take.wav").write_bytes(a_take(SECONDS_OF_TAKE, rate=8000))
    with cluster(tmp_path) as world:
        await ready(world)
        async with (
            a_client(world, 0) as watcher,
            a_client(world, 1) as singer,
            a_client(world, 1, 2) as other,
        ):
            events, foreign, cut_events = [], [], []
            ended = lambda: sum(e.processing_status == "COMPLETED" for e in events) == TAKES  # noqa: E731
            cut_ended = lambda: sum(e.processing_status == "COMPLETED" for e in cut_events) == TAKES  # noqa: E731
            following = [
                asyncio.create_task(follow(watcher, events, until=ended)),
                asyncio.create_task(follow(watcher, cut_events, until=cut_ended, cuts=CUTS)),
                asyncio.create_task(follow(other, foreign, until=lambda: False)),
            ]
            async with asyncio.timeout(DEADLINE):
                await asyncio.gather(
                    *(singer.upload(tmp_path / "take.wav", f"take {n}", wait=DEADLINE) for n in range(TAKES))
                )
                await asyncio.gather(*following[:2])
            following[2].cancel()
            await asyncio.wait(following)
    changes = [event for event in events if event.is_change]
    ticks = [event for event in events if not event.is_change]
    assert [event.event_id for event in changes] == sorted({event.event_id for event in changes})
    assert sum(event.processing_status == "COMPLETED" for event in changes) == TAKES
    assert any(0 < tick.progress < 100 for tick in ticks)
    again = [event.event_id for event in cut_events if event.is_change]
    assert again == sorted(set(again))
    assert set(again) <= {event.event_id for event in changes}
    assert foreign == []
