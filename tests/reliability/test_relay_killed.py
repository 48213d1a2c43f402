"""Relays may be killed at any point: whoever they relay to misses nothing, and can tell what came twice."""

import asyncio
import random
import subprocess
import sys
from collections import defaultdict
from datetime import timedelta
from pathlib import Path

import pytest

from builders import an_object, an_upload, saved
from orak.adapters.persistence.sql.database import SqlPersistence
from reliability.relaying import FastClock

RELAYING = Path(__file__).with_name("relaying.py")
KILLS = 8
UPLOADS = 60
DEADLINE = 40


def a_relay(url, told):
    shared = RELAYING.parents[1]
    environment = {"PYTHONPATH": f"{shared}:{shared / 'support'}"}
    return subprocess.Popen([sys.executable, str(RELAYING), url, str(told)], env=environment)


async def live(persistence, clock):
    upload = await persistence.intake.add(an_upload())
    upload = await saved(persistence, upload.receive(an_object(upload), at=clock.now()))
    await saved(persistence, upload.delete(at=clock.now()))


def lines(told):
    return [tuple(map(int, line.split())) for line in told.read_text().splitlines()] if told.exists() else []


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_nothing_is_missed_and_order_is_kept(request, tmp_path, database):
    url, told = request.getfixturevalue(f"{database}_url"), tmp_path / "told"
    chance, clock = random.Random(1), FastClock()
    async with SqlPersistence.open(url, clock=clock, lease=timedelta(seconds=30)) as persistence:
        relays = [a_relay(url, told) for _ in range(2)]
        try:
            for kill in range(KILLS):
                before = len(lines(told))
                await asyncio.gather(*(live(persistence, clock) for _ in range(UPLOADS // KILLS + 1)))
                async with asyncio.timeout(DEADLINE):
                    while len(lines(told)) < before + chance.randrange(1, 12):
                        await asyncio.sleep(0.01)  # another process sets no event
                relays[kill % 2].kill()
                relays[kill % 2].wait()
                relays[kill % 2] = a_relay(url, told)
            async with asyncio.timeout(DEADLINE):
                while (await persistence.cursors.lag("file", clock.now())).oldest_at is not None:
                    await asyncio.sleep(0.05)  # another process sets no event
        finally:
            for relay in relays:
                relay.kill()
                relay.wait()
        events = await persistence.event_log.after(0, 10_000)
    assert {event_id for event_id, _, _ in lines(told)} == {event.event_id for event in events}
    versions = defaultdict(list)
    for _, upload_id, version in dict.fromkeys(lines(told)):  # the same id is the same event
        versions[upload_id].append(version)
    assert all(seen == sorted(seen) for seen in versions.values())
