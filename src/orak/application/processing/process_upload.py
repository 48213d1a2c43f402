import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import msgspec

from orak.application.lease_keeper import LeaseKeeper, Progress
from orak.application.ports.clock import Clock
from orak.application.ports.converter import ConversionOrder, Converter, DecoderDied, Unconvertible
from orak.application.ports.failures import StaleVersion, Unavailable
from orak.application.ports.leases import Leases
from orak.application.ports.storage import ObjectChanged, ObjectMissing, Storage
from orak.application.ports.unit_of_work import UnitOfWork
from orak.application.retries import with_retries
from orak.domain.audio import AudioProfile
from orak.domain.errors import LeaseLost, UploadNotFound
from orak.domain.events import DomainEvent
from orak.domain.identity import ObjectKey, UploadId, published_key
from orak.domain.policies.retries import UNAVAILABLE_DELAY, backoff
from orak.domain.processing import FailureCode
from orak.domain.record import RecordSnapshot
from orak.domain.upload import Output, StoredObject, Upload

_log = logging.getLogger(__name__)

_PATIENCE = timedelta(seconds=30)
"""For so long a worker tries to write how a conversion ended, or to remove what nobody will ask for."""

Verdict = Callable[[Upload], tuple[Upload, DomainEvent]]
"""What is to become of an upload, said of its row as it is when that is written."""


class ConversionRules(msgspec.Struct, frozen=True):
    """Into what takes are converted, and from how long ones."""

    profile: AudioProfile
    max_duration_seconds: int


@dataclass(frozen=True, slots=True)
class ProcessUpload:
    """Convert one waiting take: lease it, convert it, write its output, publish it in one guarded update.

    It may be called twice, late or never; the row decides. Output is written under a key of this attempt, so
    a worker that lost its lease without noticing overwrites nothing, and its late result is thrown away.
    """

    leases: Leases
    keeper: LeaseKeeper
    transaction: UnitOfWork
    storage: Storage
    converter: Converter
    clock: Clock
    workspace: Callable[[], AbstractContextManager[str]]
    """Makes an empty folder for the files of one conversion, and removes it."""
    chance: Callable[[], float]
    """Draws a number from 0 to 1: the jitter of back-off."""
    rules: ConversionRules

    async def __call__(
        self, upload_id: UploadId | None = None, *, claimed: Callable[[], object] | None = None
    ) -> bool:
        """Process the given upload, or the one whose turn it is; False if there was none to be had.

        *taken* is called as soon as there is one. How it went is in the row. Cancelled, it gives the lease
        back and stops. Raise `Unavailable` if the database cannot be reached; a lease that is left behind
        then runs out by itself.
        """
        snapshot = await self._take(upload_id)
        if snapshot is None:
            return False
        if claimed:
            claimed()
        upload = snapshot.upload
        try:
            verdict = await self._attempt(snapshot)
            await self._settle_patiently(upload, verdict)
        except (LeaseLost, UploadNotFound):
            await self._discard(upload, patience=_PATIENCE)
        except asyncio.CancelledError:
            await self._give_back(upload)
            raise
        return True

    async def _take(self, upload_id: UploadId | None) -> RecordSnapshot | None:
        # A claim that was cancelled half way may be committed all the same, and then nobody would know of it.
        taking = asyncio.ensure_future(self.leases.claim(upload_id))
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            while not taking.done():  # cancelled again, it is waited for all the same: the database ends it
                with suppress(asyncio.CancelledError, Unavailable):
                    await asyncio.shield(taking)
            with suppress(Unavailable):
                if snapshot := taking.result():
                    await self._give_back(snapshot.upload)
            raise

    async def _attempt(self, snapshot: RecordSnapshot) -> Verdict:
        upload = snapshot.upload
        attempt = upload.attempt
        try:
            output = await self.keeper.keep_while(
                snapshot, lambda progress: self._convert(snapshot, progress)
            )
        except LeaseLost:
            raise
        except Unconvertible as refusal:
            failure = refusal.failure
            return lambda held: held.fail(attempt, failure, at=self.clock.now())
        except DecoderDied as death:
            return self._stumble(attempt, "the decoder died", death.failure)
        except (ObjectChanged, ObjectMissing):
            return await self._verify_again(upload)
        except Unavailable as outage:
            return self._put_back(upload, outage)
        except Exception as error:  # noqa: BLE001 - a bug of ours counts as a failure, and is bounded
            _log.exception("upload %d: attempt %d failed", upload.id, attempt)
            return self._stumble(attempt, type(error).__name__)
        return lambda held: held.complete(attempt, output, at=self.clock.now())

    async def _convert(self, snapshot: RecordSnapshot, progress: Progress) -> Output:
        upload, profile = snapshot.upload, self.rules.profile
        if upload.etag is None:
            raise ObjectMissing
        audio_key, waveform_key = self._output_keys(upload)
        with self.workspace() as folder:
            order = ConversionOrder(
                source=Path(folder, "input"),
                audio=Path(folder, f"output.{profile.extension}"),
                waveform=Path(folder, "waveform.json"),
                profile=profile,
                title=snapshot.record.title,
                max_duration_seconds=self.rules.max_duration_seconds,
            )
            await self.storage.download(upload.key, etag=upload.etag, to=order.source)
            conversion = await self.converter.convert(order, progress.note)
            await self.storage.publish(audio_key, order.audio, content_type=profile.content_type)
            await self.storage.publish(waveform_key, order.waveform, content_type="application/json")
        return Output(audio_key, waveform_key, conversion.duration_seconds, conversion.loudness)

    async def _verify_again(self, upload: Upload) -> Verdict:
        found: StoredObject | None
        try:
            found = await self.storage.head(upload.key)
        except Unavailable as outage:
            return self._put_back(upload, outage)
        return lambda held: held.reverify(
            upload.attempt,
            found,
            at=self.clock.now(),
            not_before=self.clock.now() + backoff(held.failures + 1, self.chance()),
        )

    def _put_back(self, upload: Upload, outage: Unavailable) -> Verdict:
        _log.warning("upload %d is put back: %s", upload.id, outage)
        return lambda held: held.release(
            upload.attempt, at=self.clock.now(), not_before=self.clock.now() + UNAVAILABLE_DELAY
        )

    def _stumble(self, attempt: int, message: str, killed: FailureCode | None = None) -> Verdict:
        return lambda held: held.fail_attempt(
            attempt,
            killed=killed,
            message=message,
            at=self.clock.now(),
            not_before=self.clock.now() + backoff(held.failures + 1, self.chance()),
        )

    async def _settle(self, upload: Upload, verdict: Verdict) -> None:
        """Write how the attempt ended. Raise `LeaseLost` if that is not this worker's to say any more."""

        async def settle() -> None:
            async with self.transaction() as tx:
                await tx.uploads.save(*verdict(await tx.uploads.get(upload.id)))

        await with_retries(self.clock, settle)

    async def _settle_patiently(self, upload: Upload, verdict: Verdict) -> None:
        """Outlast a restart of the database: what took minutes is not thrown away for seconds."""
        deadline = self.clock.now() + _PATIENCE
        while True:
            try:
                return await self._settle(upload, verdict)
            except (Unavailable, StaleVersion):
                if self.clock.now() >= deadline:
                    raise
                await self.clock.sleep(1)

    async def _give_back(self, upload: Upload) -> None:
        """Hand the take on at once, as a worker that stops does, instead of letting its lease run out."""
        try:
            await self._settle(upload, lambda held: held.release(upload.attempt, at=self.clock.now()))
        except (LeaseLost, UploadNotFound):
            await self._discard(upload)

    async def _discard(self, upload: Upload, *, patience: timedelta = timedelta()) -> None:
        """Remove what this attempt may have written; whoever has the lease now writes elsewhere."""
        deadline = self.clock.now() + patience
        while True:
            try:
                return await self._remove_output(upload)
            except Unavailable as outage:
                if self.clock.now() >= deadline:
                    told = "upload %d: attempt %d may leave objects: %s"
                    return _log.warning(told, upload.id, upload.attempt, outage)
                await self.clock.sleep(1)

    async def _remove_output(self, upload: Upload) -> None:
        if not await self._was_published(upload):
            for key in self._output_keys(upload):
                await self.storage.delete(key)
            _log.warning(
                "upload %d: attempt %d lost its lease, its output is gone", upload.id, upload.attempt
            )

    async def _was_published(self, upload: Upload) -> bool:
        """Whether the row names this attempt's output: a commit whose answer was lost is a commit."""
        try:
            async with self.transaction() as tx:
                output = (await tx.uploads.get(upload.id)).output
        except UploadNotFound:
            return False
        return output is not None and output.audio_key in self._output_keys(upload)

    def _output_keys(self, upload: Upload) -> tuple[ObjectKey, ObjectKey]:
        name, attempt = upload.original_filename, upload.attempt
        audio = published_key(upload.uuid, attempt, name, self.rules.profile.extension)
        return audio, published_key(upload.uuid, attempt, name, "json")
