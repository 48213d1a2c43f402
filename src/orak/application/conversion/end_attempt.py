import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from orak.application.ports.clock import Clock
from orak.application.ports.failures import Unavailable
from orak.application.ports.storage import Storage
from orak.application.ports.unit_of_work import UnitOfWork
from orak.application.retries import with_patience, with_retries
from orak.domain.audio import AudioProfile
from orak.domain.errors import LeaseLost, UploadNotFound
from orak.domain.events import DomainEvent
from orak.domain.upload import Upload

_log = logging.getLogger(__name__)

_PATIENCE = timedelta(seconds=30)
"""How long a worker tries to write an outcome or to remove discarded output."""

Verdict = Callable[[Upload], tuple[Upload, DomainEvent]]
"""The transition that ends an attempt, applied to the row as it is when the outcome is written."""


@dataclass(frozen=True, slots=True)
class EndAttempt:
    """Ends an attempt at converting an upload.

    It settles the attempt, releases its lease, or discards its output.
    """

    transaction: UnitOfWork
    storage: Storage
    clock: Clock
    profile: AudioProfile

    async def settle(self, upload: Upload, verdict: Verdict) -> Upload:
        """Write how the attempt ended, even if the database restarts meanwhile. Return the upload.

        Raises:
            LeaseLost, UploadNotFound: the upload no longer belongs to this attempt.
            Unavailable, StaleVersion: the outcome could not be written.
        """
        return await with_patience(self.clock, _PATIENCE, lambda: self._write(upload, verdict))

    async def release(self, upload: Upload) -> Upload | None:
        """Give the lease back without counting a failure, and return the row; another worker may claim it.

        If the attempt has the lease no more, do as `discard`. Raise `Unavailable` or `StaleVersion` if the
        database does not take it; the lease then runs out.
        """
        try:
            return await self._write(upload, lambda held: held.release(upload.attempt, at=self.clock.now()))
        except (LeaseLost, UploadNotFound):
            return await self._discard(upload, timedelta())

    async def discard(self, upload: Upload) -> Upload | None:
        """Remove the output of an attempt that lost its lease; other attempts write under other keys.

        Return the row if the attempt has ended after all and only the answer of the database was lost. Its
        output then stays if the row names it.
        """
        return await self._discard(upload, _PATIENCE)

    async def _write(self, upload: Upload, verdict: Verdict) -> Upload:
        async def write() -> Upload:
            async with self.transaction() as tx:
                return await tx.uploads.save(*verdict(await tx.uploads.get(upload.id)))

        return await with_retries(self.clock, write)

    async def _discard(self, upload: Upload, patience: timedelta) -> Upload | None:
        try:
            return await with_patience(self.clock, patience, lambda: self._remove_output(upload))
        except Unavailable as outage:
            _log.warning(
                "the output of a lost attempt was not removed; the daily sweep does it",
                extra={
                    "event": "lost_output",
                    "outcome": "left",
                    "uploadId": upload.id,
                    "attempt": upload.attempt,
                    "reason": str(outage),
                },
            )
            return None

    async def _remove_output(self, upload: Upload) -> Upload | None:
        row = await self._find(upload)
        ended = row if row is not None and row.is_ended_by(upload) else None
        keys = upload.output_keys(self.profile.extension)
        if row is not None and row.output is not None and row.output.audio_key in keys:
            return ended
        for key in keys:
            await self.storage.delete(key)
        _log.warning(
            "the output of a lost attempt was removed",
            extra={
                "event": "lost_output",
                "outcome": "removed",
                "uploadId": upload.id,
                "attempt": upload.attempt,
            },
        )
        return ended

    async def _find(self, upload: Upload) -> Upload | None:
        try:
            async with self.transaction() as tx:
                return await tx.uploads.get(upload.id)
        except UploadNotFound:
            return None
