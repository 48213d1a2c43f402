import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from orak.application.ports.clock import Clock
from orak.application.ports.failures import Unavailable
from orak.application.ports.leases import Leases
from orak.application.ports.live import Live, LiveMessage
from orak.domain.record import RecordSnapshot

T = TypeVar("T")

_TICK = timedelta(milliseconds=250)
"""Listeners hear of progress at most four times a second."""

_NOTING = timedelta(seconds=1)
"""Between heartbeats, progress reaches the row at most this often: for whoever polls instead of listening."""

_ALMOST = 99
"""Work in progress never claims more: 100 is for the row to say."""


class Progress:
    """The newest word on how far the work is."""

    __slots__ = ("percent",)

    def __init__(self) -> None:
        self.percent = 0

    def note(self, fraction: float) -> None:
        """Take note of a fraction from 0 to 1; it never falls."""
        self.percent = max(self.percent, min(_ALMOST, int(fraction * 100)))


@dataclass(frozen=True, slots=True)
class LeaseKeeper:
    """Does work for as long as its lease is held, and says meanwhile how far it is."""

    leases: Leases
    live: Live
    clock: Clock
    heartbeat: timedelta

    async def keep_while(
        self, snapshot: RecordSnapshot, work: Callable[[Progress], Coroutine[Any, Any, T]]
    ) -> T:
        """Return what *work* returns. Raise what it raises, or `LeaseLost`, having stopped it."""
        progress = Progress()
        working = asyncio.create_task(work(progress))
        keeping = asyncio.create_task(self._keep(snapshot, progress))
        try:
            await asyncio.wait({working, keeping}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                keeping.result()  # it only ever ends by raising
            return await working
        finally:
            working.cancel()
            keeping.cancel()
            await asyncio.gather(working, keeping, return_exceptions=True)

    async def _keep(self, snapshot: RecordSnapshot, progress: Progress) -> None:
        upload = snapshot.upload
        told = noted = 0
        extended_at = self.clock.now()
        while True:
            await self.clock.sleep(min(_TICK, self.heartbeat).total_seconds())
            now, percent = self.clock.now(), progress.percent
            if percent != told:
                told = percent
                tick = LiveMessage(None, snapshot.record.id, upload.id, upload.status, percent, now)
                await self.live.publish(snapshot.record.owner_id, tick)
            if now >= extended_at + (self.heartbeat if percent == noted else min(_NOTING, self.heartbeat)):
                try:
                    await self.leases.extend(upload.id, upload.attempt, percent)
                except Unavailable:
                    continue  # the next tick tries again, and the row says whether that was too late
                extended_at, noted = now, percent
