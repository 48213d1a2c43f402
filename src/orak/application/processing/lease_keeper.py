import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from orak.application.ports.clock import Clock
from orak.application.ports.failures import Unavailable
from orak.application.ports.leases import Leases
from orak.application.ports.live import Live, LiveMessage
from orak.domain.record import Recording

T = TypeVar("T")

_TICK = timedelta(milliseconds=250)
"""Listeners hear of progress at most four times a second."""

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

    async def keep_while(self, recording: Recording, work: Callable[[Progress], Coroutine[Any, Any, T]]) -> T:
        """Return what *work* returns. Raise what it raises, or `LeaseLost`, having stopped it."""
        progress = Progress()
        working = asyncio.create_task(work(progress))
        keeping = asyncio.create_task(self._keep(recording, progress))
        try:
            await asyncio.wait({working, keeping}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                keeping.result()  # it only ever ends by raising
            return await working
        finally:
            working.cancel()
            keeping.cancel()
            await asyncio.gather(working, keeping, return_exceptions=True)

    async def _keep(self, recording: Recording, progress: Progress) -> None:
        upload = recording.upload
        told = 0
        extend_at = self.clock.now() + self.heartbeat
        while True:
            await self.clock.sleep(min(_TICK, self.heartbeat).total_seconds())
            now = self.clock.now()
            if progress.percent != told:
                told = progress.percent
                tick = LiveMessage(None, recording.record.id, upload.id, upload.status, told, now)
                await self.live.publish(recording.record.owner_id, tick)
            if now >= extend_at:
                try:
                    await self.leases.extend(upload.id, upload.attempt, progress.percent)
                except Unavailable:
                    continue  # the next tick tries again, and the row says whether that was too late
                extend_at = now + self.heartbeat
