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

    async def release(self, upload: Upload) -> None:
        """Give the lease back without counting a failure.

        Another worker may claim the upload.

        Raise `Unavailable` or `StaleVersion` if that fails; the lease then runs out.
        """
        try:
            await self._write(upload, lambda held: held.release(upload.attempt, at=self.clock.now()))
        except (LeaseLost, UploadNotFound):
            await self._discard(upload, timedelta())

    async def discard(self, upload: Upload) -> None:
        """Remove the output of an attempt that lost its lease.

        Other attempts write under other keys.
        """
        await self._discard(upload, _PATIENCE)

    async def _write(self, upload: Upload, verdict: Verdict) -> Upload:
        async def write() -> Upload:
            async with self.transaction() as tx:
                return await tx.uploads.save(*verdict(await tx.uploads.get(upload.id)))

        return await with_retries(self.clock, write)

    async def _discard(self, upload: Upload, patience: timedelta) -> None:
        try:
            await with_patience(self.clock, patience, lambda: self._remove_output(upload))
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

    async def _remove_output(self, upload: Upload) -> None:
        if await self._was_published(upload):
            return
        for key in upload.output_keys(self.profile.extension):
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

    async def _was_published(self, upload: Upload) -> bool:
        """Return whether the row names this attempt's output.

        It does if the database committed but its answer was lost.
        """
        try:
            async with self.transaction() as tx:
                output = (await tx.uploads.get(upload.id)).output
        except UploadNotFound:
            return False
        return output is not None and output.audio_key in upload.output_keys(self.profile.extension)
