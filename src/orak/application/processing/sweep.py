import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec.structs import astuple

from orak.application.ports.arrivals import Arrivals
from orak.application.ports.clock import Clock
from orak.application.ports.failures import StaleVersion, Unavailable
from orak.application.ports.leases import Leases
from orak.application.sweep_steps import SweepReport, SweepSteps
from orak.domain.errors import UploadNotFound
from orak.domain.identity import UploadId
from orak.domain.policies.retention import TOMBSTONE_AGE
from orak.domain.policies.retries import MAX_CONSECUTIVE_OUTAGES
from orak.domain.upload import Upload

_log = logging.getLogger(__name__)

_ROWS = 200
"""Rows of each kind in one sweep; the next sweep does the rest."""

_PATIENCE = timedelta(seconds=10)
"""Time limit for rows of one kind, in case the store is slow; the next sweep does the rest."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """Find each stuck row, and repair its state.

    If an event or a process is lost, the sweep finds the row. It converts nothing: bytes that arrived
    unannounced get a wake-up, and the batch finds what waits without one. Any number of processes may sweep;
    the row's version lets only one of them win.
    """

    leases: Leases
    arrivals: Arrivals
    steps: SweepSteps
    clock: Clock
    orphan_retention: timedelta

    async def __call__(self) -> SweepReport:
        """Sweep once. Raise `Unavailable` if the database cannot be reached."""
        steps, report, now = self.steps, SweepReport(), self.clock.now()

        lost = await self.leases.lost(_ROWS)
        await self._each(lost, lambda upload: steps.recover_lease(upload, report))

        next_looks: dict[UploadId, datetime] = {}
        due = await self.arrivals.due(_ROWS)
        await self._each(due, lambda upload: steps.look_for_bytes(upload, report, next_looks))
        await self.arrivals.postpone(next_looks)

        orphans = await self.arrivals.orphans(now - self.orphan_retention, _ROWS)
        await self._each(orphans, lambda upload: steps.remove_orphan(upload, report))

        tombstones = await self.arrivals.tombstones(now - TOMBSTONE_AGE, _ROWS)
        await self._each(tombstones, lambda upload: steps.purge(upload, report))

        _note(report, (self.clock.now() - now).total_seconds())
        return report

    async def _each(self, uploads: Iterable[Upload], step: Callable[[Upload], Awaitable[None]]) -> None:
        """Call *step* with each upload; a failure does not stop the others."""
        outages, until = 0, self.clock.now() + _PATIENCE
        for upload in uploads:
            if self.clock.now() >= until:
                return
            try:
                await step(upload)
                outages = 0
            except (StaleVersion, UploadNotFound):
                pass  # another process moved it, so it is not stuck
            except Unavailable as outage:
                _log.warning(
                    "the sweep leaves upload %d to the next sweep: %s",
                    *(upload.id, outage),
                    extra={"event": "sweep_error", "uploadId": upload.id, "reason": str(outage)},
                )
                outages += 1
                if outages == MAX_CONSECUTIVE_OUTAGES:
                    return
            except Exception:  # noqa: BLE001 - a bug with one row must not stop the others
                _log.exception(
                    "the sweep skips upload %d",
                    upload.id,
                    extra={"event": "sweep_error", "uploadId": upload.id},
                )


def _note(report: SweepReport, seconds: float) -> None:
    """Log what the sweep moved. Most sweeps find nothing."""
    moved = sum(astuple(report))
    _log.log(
        logging.INFO if moved else logging.DEBUG,
        "the sweep moved %d uploads",
        moved,
        extra={
            "event": "sweep",
            "leasesLost": report.leases_lost,
            "received": report.received,
            "expired": report.expired,
            "orphansRemoved": report.orphans_removed,
            "purged": report.purged,
            "durationMs": round(1000 * seconds),
        },
    )
