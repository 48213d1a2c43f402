"""A process that only relays events to a file, for tests to kill."""

import asyncio
import os
import sys
import time
from datetime import UTC, datetime, timedelta

from orak.adapters.persistence.sql.database import SqlPersistence
from orak.application.ports.subscribers import PageOutcome, StartPosition
from orak.domain.events import EventType
from relays import relay_to

_SPEED = 50


class FastClock:
    """A fast clock that several processes share, so that their leases expire quickly."""

    def now(self) -> datetime:
        return datetime(2030, 1, 1, tzinfo=UTC) + timedelta(seconds=time.time() * _SPEED % 10**9)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / _SPEED)


class FileSubscriber:
    """Appends a line for each event to a file, and fails the first time for one event in seven."""

    name = "file"
    in_order = True
    begins = StartPosition.FIRST
    longest_rest = timedelta(seconds=4)

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._failed_at: set[int] = set()

    async def event_types(self):
        return frozenset(EventType)

    async def read(self, page) -> PageOutcome:
        failed, stuck = set(), set()
        for logged in page:
            new = logged.event_id % 7 == 0 and logged.event_id not in self._failed_at
            if new or logged.upload_id in stuck:
                self._failed_at.add(logged.event_id)
                stuck.add(logged.upload_id)
                failed.add(logged.position)
            else:
                os.write(self._file, b"%d %d %d\n" % (logged.event_id, logged.upload_id, logged.version))
                await asyncio.sleep(0.001)
        return PageOutcome(failed)


async def main(url: str, path: str) -> None:
    clock = FastClock()
    async with SqlPersistence.open(url, clock=clock, lease=timedelta(seconds=30)) as persistence:
        relay = relay_to([FileSubscriber(path)], persistence.event_log, persistence.cursors, clock)
        while True:
            await relay()
            await asyncio.sleep(0.01)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
