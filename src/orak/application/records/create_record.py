import asyncio
import logging
from dataclasses import dataclass

import msgspec

from orak.application.ports.clock import Clock
from orak.application.ports.idempotency_keys import IdempotencyKey
from orak.application.ports.snapshots import Snapshots
from orak.application.ports.starter import Starter
from orak.application.ports.storage import Storage
from orak.application.ports.unit_of_work import UnitOfWork
from orak.application.retries import with_retries
from orak.application.verify_upload import VerifyUpload
from orak.domain.actor import Actor
from orak.domain.errors import Problem, ProblemCode, Rejected
from orak.domain.identity import ObjectKey, RecordId, SongId, UploadId
from orak.domain.policies.fields import duration_problem, id_problem
from orak.domain.record import Record, RecordSnapshot, title_problem
from orak.domain.upload import StoredObject

_log = logging.getLogger(__name__)

_INT_32 = 2**31 - 1
"""Seconds that a column holds; which takes are too long is for the settings to say."""

_ARRIVING = 4.0
"""Seconds that storage and database have to say that the bytes are there, before the call goes on without."""

_LOOKS = (0.05, 0.1)
"""Pauses between looks for an object right after its PUT: three looks in all."""


class NewRecord(msgspec.Struct, frozen=True):
    """What a client calls a take; None is a field that was not given."""

    title: str | None
    upload_id: UploadId | None
    song_id: SongId | None = None
    duration_seconds: int | None = None

    def problems(self, max_duration_seconds: int = _INT_32) -> list[Problem]:
        """Return everything that is wrong, each field once."""
        upload_problem = (
            Problem("upload_id", ProblemCode.REQUIRED)
            if self.upload_id is None
            else id_problem("upload_id", self.upload_id)
        )
        song_problem = None if self.song_id is None else id_problem("song_id", self.song_id)
        checks = (
            title_problem(self.title),
            upload_problem,
            song_problem,
            duration_problem(self.duration_seconds, max_duration_seconds),
        )
        return [problem for problem in checks if problem is not None]


@dataclass(frozen=True, slots=True)
class CreateRecord:
    """Name an uploaded take, and convert it: now if its bytes are there and a slot is free.

    The call waits a little for the conversion and answers with what the row says by then. Whatever goes
    wrong with the immediate attempt, the record stands and is converted in the background.
    """

    transaction: UnitOfWork
    snapshots: Snapshots
    storage: Storage
    verify: VerifyUpload
    starter: Starter
    clock: Clock

    async def __call__(
        self,
        actor: Actor,
        new: NewRecord,
        *,
        wait: float = 0.0,
        idempotency_key: IdempotencyKey | None = None,
    ) -> RecordSnapshot:
        """Wait up to *wait* seconds.

        Raises:
            Rejected: title or ids are none.
            UploadNotFound, PermissionDenied, RecordExists, SongNotFound, IdempotencyMismatch: in this order.
            StateConflict: the upload failed its check or was given up.
        """
        title, upload_id = new.title, new.upload_id
        problems = new.problems()
        if problems or title is None or upload_id is None:
            raise Rejected(problems)
        record_id, is_new = await with_retries(
            self.clock, lambda: self._save(actor, new, title, upload_id, idempotency_key)
        )
        if is_new:
            await self._begin(upload_id, wait)
        return await self.snapshots.get(record_id)

    async def _save(
        self,
        actor: Actor,
        new: NewRecord,
        title: str,
        upload_id: UploadId,
        idempotency_key: IdempotencyKey | None,
    ) -> tuple[RecordId, bool]:
        async with self.transaction() as tx:
            if idempotency_key and (made := await tx.idempotency_keys.find(idempotency_key)) is not None:
                return RecordId(made), False
            upload = (await tx.uploads.get(upload_id)).owned_by(actor)
            upload.check_nameable()
            if new.song_id is not None:
                await tx.songs.check(new.song_id)
            at = self.clock.now()
            record = await tx.records.add(
                Record.name(upload, title, song_id=new.song_id, duration_seconds=new.duration_seconds, at=at)
            )
            await tx.uploads.save(*upload.named(record.id, at=at))
            if idempotency_key:
                await tx.idempotency_keys.keep(idempotency_key, record.id)
            return record.id, True

    async def _begin(self, upload_id: UploadId, wait: float) -> None:
        try:
            async with asyncio.timeout(_ARRIVING):
                has_arrived = await with_retries(self.clock, lambda: self._arrive(upload_id))
            if has_arrived:
                started = await self.starter.start(upload_id)
                await started.wait(wait)
        except TimeoutError:
            _log.warning("upload %d was not looked at in time; the sweep does it later", upload_id)
        except Exception:  # noqa: BLE001 - no failure of the immediate attempt may fail the call
            # The record is saved and its row waits: the sweep starts it. No client should see this.
            _log.exception("upload %d could not be started at once", upload_id)

    async def _arrive(self, upload_id: UploadId) -> bool:
        """Take note of bytes that are there already; say whether a conversion can start."""
        upload = await self.snapshots.upload(upload_id)
        if upload.awaits_arrival:
            found = await self._look(upload.key)
            if found is None:
                return False
            upload = await self.verify(found)
        return upload.is_waiting

    async def _look(self, key: ObjectKey) -> StoredObject | None:
        for pause in _LOOKS:
            if found := await self.storage.head(key):
                return found
            await self.clock.sleep(pause)
        return await self.storage.head(key)
