"""Outbox relays may be killed at any point: subscribers miss no event and can detect repeats."""

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
from reliability.relay_process import FastClock

RELAY_PROCESS = Path(__file__).with_name("relay_process.py")
KILLS = 8
UPLOADS = 60
DEADLINE = 40


def a_relay(url, output):
    tests = RELAY_PROCESS.parents[1]
    environment = {"PYTHONPATH": f"{tests}:{tests / 'support'}"}
    return subprocess.Popen([sys.executable, str(RELAY_PROCESS), url, str(output)], env=environment)


async def an_upload_with_three_events(persistence, clock):
    upload = await persistence.intake.add(an_upload())
    upload = await saved(persistence, upload.receive(an_object(upload), at=clock.now()))
    await saved(persistence, upload.delete(at=clock.now()))


def lines(output):
    text = output.read_text() if output.exists() else ""
    return [tuple(map(int, line.split())) for line in text.splitlines()]


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_no_event_is_missed_and_the_order_is_kept(request, tmp_path, database):
    url, output = request.getfixturevalue(f"{database}_url"), tmp_path / "output"
    chance, clock = random.Random(1), FastClock()
    async with SqlPersistence.open(url, clock=clock, lease=timedelta(seconds=30)) as persistence:
        relays = [a_relay(url, output) for _ in range(2)]
        try:
            for kill in range(KILLS):
                before = len(lines(output))
                await asyncio.gather(
                    *(an_upload_with_three_events(persistence, clock) for _ in range(UPLOADS // KILLS + 1))
                )
                async with asyncio.timeout(DEADLINE):
                    while len(lines(output)) < before + chance.randrange(1, 12):
                        await asyncio.sleep(0.01)  # another process cannot set an event
                relays[kill % 2].kill()
                relays[kill % 2].wait()
                relays[kill % 2] = a_relay(url, output)
            async with asyncio.timeout(DEADLINE):
                while (await persistence.cursors.lags(["file"], clock.now()))[0].oldest_at is not None:
                    await asyncio.sleep(0.05)  # another process cannot set an event
        finally:
            for relay in relays:
                relay.kill()
                relay.wait()
        events = await persistence.event_log.after(0, 10_000)
    assert {event_id for event_id, _, _ in lines(output)} == {logged.event_id for logged in events}
    versions = defaultdict(list)
    for _, upload_id, version in dict.fromkeys(lines(output)):  # the same id is the same event
        versions[upload_id].append(version)
    assert all(seen == sorted(seen) for seen in versions.values())
