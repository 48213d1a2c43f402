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

_TICK_INTERVAL = timedelta(milliseconds=250)
"""Clients receive progress at most four times a second."""

_STORE_INTERVAL = timedelta(seconds=1)
"""How often progress is stored between heartbeats, for clients that poll."""

_MAX_RUNNING_PERCENT = 99
"""The highest progress of a running conversion; 100 means COMPLETED, which only the row says."""


class Progress:
    """The newest progress of a conversion."""

    __slots__ = ("percent",)

    def __init__(self) -> None:
        self.percent = 0

    def note(self, fraction: float) -> None:
        """Note a fraction from 0 to 1; the progress never falls."""
        self.percent = max(self.percent, min(_MAX_RUNNING_PERCENT, int(fraction * 100)))


@dataclass(frozen=True, slots=True)
class LeaseKeeper:
    """Runs work while its lease is held.

    It extends the lease meanwhile, and publishes and stores the progress.
    """

    leases: Leases
    live: Live
    clock: Clock
    heartbeat: timedelta

    async def keep_while(
        self, snapshot: RecordSnapshot, work: Callable[[Progress], Coroutine[Any, Any, T]]
    ) -> T:
        """Return what *work* returns.

        Raise what it raises, or cancel it and raise `LeaseLost`.
        """
        progress = Progress()
        working = asyncio.create_task(work(progress))
        keeping = asyncio.create_task(self._keep(snapshot, progress))
        try:
            await asyncio.wait({working, keeping}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                keeping.result()  # it ends only by raising
            return await working
        finally:
            working.cancel()
            keeping.cancel()
            await asyncio.gather(working, keeping, return_exceptions=True)

    async def _keep(self, snapshot: RecordSnapshot, progress: Progress) -> None:
        upload = snapshot.upload
        published = stored = 0
        extended_at = self.clock.now()
        while True:
            await self.clock.sleep(min(_TICK_INTERVAL, self.heartbeat).total_seconds())
            now, percent = self.clock.now(), progress.percent
            if percent != published:
                published = percent
                tick = LiveMessage(None, snapshot.record.id, upload.id, upload.status, percent, now)
                await self.live.publish(snapshot.record.owner_id, tick)
            interval = self.heartbeat if percent == stored else min(_STORE_INTERVAL, self.heartbeat)
            if now >= extended_at + interval:
                try:
                    await self.leases.extend(upload.id, upload.attempt, percent)
                except Unavailable:
                    continue  # the next tick tries again; the row says if that is too late
                extended_at, stored = now, percent
