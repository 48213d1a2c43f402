import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from orak.application.await_record import AwaitRecord
from orak.application.origins import current_origin
from orak.application.ports.clock import Clock
from orak.application.ports.failures import Unavailable
from orak.application.ports.idempotency_keys import IdempotencyKey
from orak.application.ports.record_intake import Creation, RecordIntake, Wanted
from orak.application.ports.snapshots import Snapshots
from orak.application.ports.starter import Starter
from orak.application.ports.storage import Storage
from orak.application.retries import with_retries
from orak.application.upload_counts import UploadCounts
from orak.domain.actor import Actor
from orak.domain.errors import Problem, Rejected, SongNotFound, UploadNotFound
from orak.domain.identity import ObjectKey, SongId, UploadId
from orak.domain.policies.records import RecordPolicy
from orak.domain.record import UNSAVED, Record, RecordSnapshot
from orak.domain.upload import StoredObject, Upload

_log = logging.getLogger(__name__)

_LOOK_SECONDS = 4.0
"""How long a call looks for the bytes before it goes on without them."""
_LOOK_PAUSES_SECONDS = (0.05, 0.1)
"""Pauses between the three looks for an object right after its PUT."""


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

    intake: RecordIntake
    snapshots: Snapshots
    storage: Storage
    starter: Starter
    await_record: AwaitRecord
    clock: Clock
    counts: UploadCounts
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
            IdempotencyMismatch: the key was used with another body.
            UploadNotFound, PermissionDenied, RecordExists, StateConflict, SongNotFound: in this order;
                StateConflict if the upload failed its check or was cancelled.
        """
        began, look_until = self.clock.now(), asyncio.get_running_loop().time() + _LOOK_SECONDS
        title, upload_id = new.checked(self.policy)
        wanted = Wanted(upload_id, new.song_id, idempotency_key)
        unanswered: list[Creation] = []

        async def create() -> tuple[RecordSnapshot, bool]:
            found = await self.intake.find(wanted)
            if found.made is not None:
                made = await self.snapshots.get(found.made)
                return made, self._is_of(unanswered, made)
            if found.upload is None:
                raise UploadNotFound(upload_id)
            upload = found.upload.owned_by(actor)
            if upload.record_id is not None and unanswered:
                made = await self.snapshots.get(upload.record_id)
                if self._is_of(unanswered, made):
                    return made, True
            upload.check_attachable()
            if new.song_id is not None and not found.has_song:
                raise SongNotFound(new.song_id)
            arrived = await self._look_for(upload, look_until) if upload.lacks_bytes else None
            record = Record.create(
                upload,
                title,
                song_id=new.song_id,
                duration_seconds=new.duration_seconds,
                at=self.clock.now(),
            )
            creation = Creation(record, upload, arrived, idempotency_key, current_origin())
            try:
                made = await self.intake.add(creation)
            except Unavailable:
                unanswered.append(creation)  # the database may have stored it before its answer was lost
                raise
            self.counts.note_move(upload, made.upload)
            return made, True

        snapshot, is_new = await with_retries(self.clock, create)
        if is_new:
            snapshot = await self._convert(snapshot, self._left(wait, began))
        if wait is None or not snapshot.is_queued:
            return snapshot
        return await self._await_queued(actor, snapshot, seconds=self._left(wait, began))

    def _is_of(self, unanswered: Sequence[Creation], made: RecordSnapshot) -> bool:
        """Return whether one of the *unanswered* creations made the record; if so, count its upload now."""
        for creation in unanswered:
            if replace(made.record, id=UNSAVED) == creation.record:
                stored, _ = creation.saved_as(made.record.id)
                self.counts.note_move(creation.upload, stored.upload)
                return True
        return False

    def _left(self, wait: float | None, began: datetime) -> float:
        """Return the seconds that are left to wait."""
        if wait is None:
            return self.immediate_wait.total_seconds()
        return max(0.0, wait - (self.clock.now() - began).total_seconds())

    async def _look_for(self, upload: Upload, until: float) -> StoredObject | None:
        """Return the upload's object; None if it has not arrived, or the store does not say so in time.

        The record is created all the same, and the sweep looks for the object at once.
        """
        try:
            async with asyncio.timeout_at(until):
                return await with_retries(self.clock, lambda: self._find(upload.key))
        except (TimeoutError, Unavailable) as outage:
            _log.warning(
                "the object was not looked up; the sweep does it",
                extra={"event": "object_lookup", "uploadId": upload.id, "reason": str(outage) or "time-out"},
            )
        except Exception:  # noqa: BLE001 - no failure of the immediate attempt may fail the call
            _log.exception(
                "the object was not looked up; the sweep does it",
                extra={"event": "object_lookup", "uploadId": upload.id},
            )
        return None

    async def _find(self, key: ObjectKey) -> StoredObject | None:
        for pause in _LOOK_PAUSES_SECONDS:
            if found := await self.storage.head(key):
                return found
            await self.clock.sleep(pause)
        return await self.storage.head(key)

    async def _convert(self, snapshot: RecordSnapshot, wait: float) -> RecordSnapshot:
        """Start the conversion if the bytes are there; if it runs here, wait and read the record again."""
        if snapshot.upload.awaits_arrival:
            self.counts.note_start("not_arrived")
        if not snapshot.upload.is_waiting:
            return snapshot
        try:
            conversion = await self.starter.start(snapshot.upload.id)
            if conversion.runs_here:
                self.counts.note_start("started")
            elif conversion.found_no_slot:
                self.counts.note_start("no_slot")
            if not conversion.runs_here:
                return snapshot
            await conversion.wait(wait)
            return await self.snapshots.get(snapshot.record.id)
        except Unavailable:  # the record stands, so an outage must not fail the call
            return snapshot
        except Exception:  # noqa: BLE001 - no failure of the immediate attempt may fail the call
            _log.exception(
                "the upload was not converted at once; a worker does it",
                extra={"event": "start_error", "uploadId": snapshot.upload.id},
            )
            return snapshot

    async def _await_queued(self, actor: Actor, snapshot: RecordSnapshot, seconds: float) -> RecordSnapshot:
        if not seconds:
            return snapshot
        try:
            return await self.await_record(actor, snapshot.record.id, seconds=seconds)
        except Unavailable:  # the record stands, so an outage must not fail the call
            return snapshot
