from dataclasses import dataclass
from datetime import timedelta

import msgspec

from orak.application.await_record import AwaitRecord
from orak.application.conversion.convert_now import ConvertNow
from orak.application.ports.clock import Clock
from orak.application.ports.failures import Unavailable
from orak.application.ports.idempotency_keys import IdempotencyKey
from orak.application.ports.snapshots import Snapshots
from orak.application.ports.unit_of_work import UnitOfWork
from orak.application.retries import with_retries
from orak.domain.actor import Actor
from orak.domain.errors import Problem, Rejected
from orak.domain.identity import RecordId, SongId, UploadId
from orak.domain.policies.records import RecordPolicy
from orak.domain.record import Record, RecordSnapshot


class NewRecord(msgspec.Struct, frozen=True):
    """The record that a client asks for; None is a field that was not given."""

    title: str | None
    upload_id: UploadId | None
    song_id: SongId | None = None
    duration_seconds: int | None = None

    def problems(self, policy: RecordPolicy) -> list[Problem]:
        """Return everything that *policy* forbids, each field once."""
        checks = (
            policy.title_problem(self.title),
            policy.upload_id_problem(self.upload_id),
            policy.song_id_problem(self.song_id),
            policy.duration_problem(self.duration_seconds),
        )
        return [problem for problem in checks if problem is not None]

    def checked(self, policy: RecordPolicy) -> tuple[str, UploadId]:
        """Return the title and the upload's id.

        Raise `Rejected` with every problem at once.
        """
        problems = self.problems(policy)
        if problems or self.title is None or self.upload_id is None:
            raise Rejected(problems)
        return self.title, self.upload_id


@dataclass(frozen=True, slots=True)
class CreateRecord:
    """Make a record of an upload, and convert it.

    The conversion starts at once if the bytes have arrived and a slot is free. The call waits a little for
    the conversion and returns the record as it is then. If the immediate attempt fails, the record stays and
    is converted in the background.
    """

    transaction: UnitOfWork
    snapshots: Snapshots
    convert_now: ConvertNow
    await_record: AwaitRecord
    clock: Clock
    policy: RecordPolicy
    immediate_wait: timedelta
    """How long a call without *wait* waits for a conversion that starts at once."""

    async def __call__(
        self,
        actor: Actor,
        new: NewRecord,
        *,
        wait: float | None = None,
        idempotency_key: IdempotencyKey | None = None,
    ) -> RecordSnapshot:
        """Return the record once it is converted, or as it is after *wait* seconds.

        A caller that sets *wait* also waits for a conversion that is queued or runs in another process.

        Raises:
            Rejected: a field is invalid; it names every problem at once.
            UploadNotFound, PermissionDenied, RecordExists, SongNotFound, IdempotencyMismatch: in this order.
            StateConflict: the upload failed its check or was cancelled.
        """
        began = self.clock.now()
        _, upload_id = new.checked(self.policy)
        record_id, is_new = await with_retries(self.clock, lambda: self._save(actor, new, idempotency_key))
        if is_new:
            await self.convert_now(
                upload_id, wait=self.immediate_wait.total_seconds() if wait is None else wait
            )
        snapshot = await self.snapshots.get(record_id)
        if wait is None or not snapshot.is_queued:
            return snapshot
        left = wait - (self.clock.now() - began).total_seconds()
        return await self._await_queued(actor, snapshot, seconds=left)

    async def _save(
        self, actor: Actor, new: NewRecord, idempotency_key: IdempotencyKey | None
    ) -> tuple[RecordId, bool]:
        """Return the record's id, and whether this call made it."""
        title, upload_id = new.checked(self.policy)
        async with self.transaction() as tx:
            if idempotency_key and (made := await tx.idempotency_keys.find(idempotency_key)) is not None:
                return RecordId(made), False
            upload = (await tx.uploads.get(upload_id)).owned_by(actor)
            upload.check_attachable()
            if new.song_id is not None:
                await tx.songs.check(new.song_id)
            at = self.clock.now()
            record = await tx.records.add(
                Record.create(
                    upload, title, song_id=new.song_id, duration_seconds=new.duration_seconds, at=at
                )
            )
            await tx.uploads.save(*upload.attach_record(record.id, at=at))
            if idempotency_key:
                await tx.idempotency_keys.keep(idempotency_key, record.id)
            return record.id, True

    async def _await_queued(self, actor: Actor, snapshot: RecordSnapshot, seconds: float) -> RecordSnapshot:
        try:
            return await self.await_record(actor, snapshot.record.id, seconds=seconds)
        except Unavailable:  # the record stands, so an outage must not fail the call
            return snapshot
