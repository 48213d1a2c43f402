"""A client of one API process receives the events of records that other processes change."""

import asyncio
import contextlib

import httpx

from orak.client import AsyncOrakClient
from orak.entrypoints.cli.tokens import signed_token
from orak.entrypoints.settings.values import Settings
from reliability.clients import SECRET, a_wav
from reliability.world import cluster

RECORDS = 3
AUDIO_SECONDS = 60
DISCONNECTS = 20
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
                await asyncio.sleep(0.1)  # another process cannot set an event


def all_completed(events):
    return sum(event.processing_status == "COMPLETED" for event in events) == RECORDS


async def follow(client, events, *, until, disconnects=0):
    """Collect events, and resume after the last one after each disconnect."""
    last, seen = None, 0
    while not until(events):
        async with contextlib.aclosing(client.events(after=last)) as stream:
            async for event in stream:
                seen += 1
                events.append(event)
                last = event.event_id
                if until(events) or (disconnects and seen % 3 == 0):
                    disconnects = max(0, disconnects - 1)
                    break


async def test_progress_and_every_change_reach_another_process(tmp_path):
    (tmp_path / "audio.wav").write_bytes(a_wav(AUDIO_SECONDS, rate=8000))
    with cluster(tmp_path) as world:
        await ready(world)
        async with (
            a_client(world, 0) as watcher,
            a_client(world, 1) as owner,
            a_client(world, 1, 2) as other,
        ):
            events, others_events, resumed_events = [], [], []
            following = [
                asyncio.create_task(follow(watcher, events, until=all_completed)),
                asyncio.create_task(
                    follow(watcher, resumed_events, until=all_completed, disconnects=DISCONNECTS)
                ),
                asyncio.create_task(follow(other, others_events, until=lambda _: False)),
            ]
            async with asyncio.timeout(DEADLINE):
                audio = tmp_path / "audio.wav"
                await asyncio.gather(
                    *(owner.upload(audio, f"record {n}", wait=DEADLINE) for n in range(RECORDS))
                )
                await asyncio.gather(*following[:2])
            following[2].cancel()
            await asyncio.wait(following)
    changes = [event for event in events if event.is_change]
    ticks = [event for event in events if not event.is_change]
    assert [event.event_id for event in changes] == sorted({event.event_id for event in changes})
    assert sum(event.processing_status == "COMPLETED" for event in changes) == RECORDS
    assert any(0 < tick.progress < 100 for tick in ticks)
    resumed = [event.event_id for event in resumed_events if event.is_change]
    assert resumed == sorted(set(resumed))
    assert set(resumed) <= {event.event_id for event in changes}
    assert others_events == []
