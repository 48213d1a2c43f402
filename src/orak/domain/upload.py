"""An Upload: from the signed URL to the published rendition."""

from datetime import UTC, datetime, timedelta
from typing import Self

import msgspec
from msgspec.structs import replace

from orak.domain.actor import Actor
from orak.domain.audio import Loudness
from orak.domain.errors import (
    LeaseLost,
    PermissionDenied,
    RecordExists,
    StateConflict,
    UploadNotFound,
    WrongState,
)
from orak.domain.events import DomainEvent, EventType
from orak.domain.identity import (
    RECORDINGS,
    EventKey,
    ObjectKey,
    RecordId,
    UploadId,
    UserId,
    event_key,
    original_key,
    published_key,
)
from orak.domain.origin import Origin
from orak.domain.policies.arrivals import FIRST_CHECK_DELAY, URL_GRACE, patience
from orak.domain.policies.fields import clean_name
from orak.domain.policies.retention import ORPHAN_AGE, TOMBSTONE_AGE
from orak.domain.policies.retries import MAX_FAILURES, MAX_FAILURES_WHEN_KILLED
from orak.domain.policies.uploads import media_type
from orak.domain.processing import MOVES, RETRYABLE, FailureCode, ProcessingStatus, failure_of

UNSAVED = UploadId(0)

WORKER_LOST = "the worker was lost"
"""The message of an attempt that the sweep ended because its lease ran out."""

NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""The latest time that every database and language can represent."""

ANY_BYTES = "*"
"""In place of an ETag, as in `If-Match: *` (RFC 9110 §13.1.1): nothing was verified."""

ENDS = frozenset(
    {
        ProcessingStatus.DELETED,
        ProcessingStatus.CANCELLED,
        ProcessingStatus.EXPIRED,
        ProcessingStatus.FAILED,
    }
)
"""The states in which an upload without a Record ends."""


class StoredObject(msgspec.Struct, frozen=True):
    """The metadata of one stored object."""

    key: ObjectKey
    size: int
    content_type: str
    etag: str
    modified_at: datetime


class Output(msgspec.Struct, frozen=True):
    """A published rendition."""

    audio_key: ObjectKey
    waveform_key: ObjectKey
    duration_seconds: float
    loudness: Loudness


def retry_obstacle(
    status: ProcessingStatus, failure: FailureCode | None, *, has_object: bool, forced: bool = False
) -> WrongState | None:
    """Return why an upload may not be converted again, or None if it may.

    It must have FAILED after its object was verified, and another run must be able to change that.
    *forced* leaves out the last rule: an operator may know that the converter has changed.
    """
    if status in {ProcessingStatus.EXPIRED, ProcessingStatus.CANCELLED}:
        return WrongState.OBJECT_GONE
    if status is not ProcessingStatus.FAILED:
        return WrongState.NOT_FAILED
    if not has_object:
        return WrongState.OBJECT_GONE
    if not forced and failure not in RETRYABLE:
        return WrongState.NOT_RETRYABLE
    return None


class IllegalMove(Exception):
    """A transition that `MOVES` does not allow.

    It is a bug in orak, and therefore no `OrakError`.
    """


class Upload(msgspec.Struct, frozen=True):
    """One upload at one moment.

    Every transition returns the next state and the event of the change.
    """

    owner_id: UserId
    uuid: str
    original_filename: str
    file_size: int
    content_type: str
    key: ObjectKey
    created_at: datetime
    url_expires_at: datetime
    declared_duration: int | None = None
    directory: str = RECORDINGS
    id: UploadId = UNSAVED
    record_id: RecordId | None = None
    status: ProcessingStatus = ProcessingStatus.PENDING
    version: int = 1
    attempt: int = 0
    """The fencing token: it rises with every start, retry and delete, and never falls."""
    failures: int = 0
    """How many attempts failed or died since the last retry."""
    etag: str | None = None
    """The ETag of the verified object; no other bytes are ever converted.

    It is `ANY_BYTES` if another program received the object.
    """
    not_before: datetime | None = None
    """The earliest time of the next look for bytes, or of the next start; None means at once."""
    lease_until: datetime | None = None
    progress: int = 0
    failure: FailureCode | None = None
    error_message: str | None = None
    """What went wrong last, for operators."""
    output: Output | None = None
    deleted_at: datetime | None = None
    changed_at: datetime | None = None
    """When its status or progress last changed; None if they never did."""
    origin: Origin | None = None
    """The request that its next step follows from: it asked for the upload, its Record or a retry, last of
    these. Changes that no request makes, such as those of a worker, have this origin."""

    @classmethod
    def request(
        cls,
        owner_id: UserId,
        *,
        uuid: str,
        filename: str,
        size: int,
        content_type: str,
        duration: int | None,
        at: datetime,
        url_life: timedelta,
        origin: Origin | None = None,
    ) -> Self:
        """Return a new upload; it has no id until it is stored. Its name is cleaned first."""
        filename = clean_name(filename)
        return cls(
            owner_id=owner_id,
            uuid=uuid,
            original_filename=filename,
            file_size=size,
            content_type=content_type,
            key=original_key(uuid, filename),
            created_at=at,
            url_expires_at=at + url_life,
            declared_duration=duration or None,
            not_before=at + FIRST_CHECK_DELAY,
            origin=origin,
        )

    @property
    def extension(self) -> str:
        """The extension of the file name, in lower case and without the dot; empty without one."""
        _, dot, extension = self.original_filename.rpartition(".")
        return extension.lower() if dot else ""

    @property
    def shown_key(self) -> ObjectKey:
        """The key that clients see: the original object's until there is a rendition."""
        return self.key if self.output is None else self.output.audio_key

    @property
    def event_key(self) -> EventKey:
        """The shown key as events hold it, without the file name."""
        return event_key(self.shown_key, self.uuid)

    @property
    def shown_failure(self) -> FailureCode | None:
        """The failure that clients see, also of an upload that expired or was cancelled."""
        return failure_of(self.status, self.failure)

    def retry_obstacle(self, *, forced: bool = False) -> WrongState | None:
        """Return why it may not be converted again, or None if it may.

        The rule is that of the function `retry_obstacle`.
        """
        return retry_obstacle(self.status, self.failure, has_object=self.etag is not None, forced=forced)

    def output_keys(self, extension: str) -> tuple[ObjectKey, ObjectKey]:
        """Return the keys under which this attempt publishes its audio and its waveform."""
        name = self.original_filename
        return (
            published_key(self.uuid, self.attempt, name, extension),
            published_key(self.uuid, self.attempt, name, "json"),
        )

    @property
    def awaits_arrival(self) -> bool:
        """Whether bytes that arrive now are verified.

        It is PENDING, or EXPIRED while a Record waits. Uploads of the app in other directories, in an adopted
        database, are not orak's to verify.
        """
        return self.lacks_bytes and (self.status is ProcessingStatus.PENDING or self.record_id is not None)

    @property
    def lacks_bytes(self) -> bool:
        """Whether bytes would be verified once it has a Record: it is PENDING or EXPIRED, and orak's."""
        return self.directory == RECORDINGS and self.status in {
            ProcessingStatus.PENDING,
            ProcessingStatus.EXPIRED,
        }

    @property
    def is_waiting(self) -> bool:
        """Whether a worker may claim it: its bytes arrived and its Record exists."""
        return self.status is ProcessingStatus.UPLOADED and self.record_id is not None

    @property
    def comes_again_at(self) -> datetime | None:
        """When a worker may claim it again, if it was put back in line for later."""
        return self.not_before if self.is_waiting else None

    @property
    def is_discarded(self) -> bool:
        """Whether its bytes are no longer of use: it was cancelled or deleted."""
        return self.status in {ProcessingStatus.CANCELLED, ProcessingStatus.DELETED}

    @property
    def is_over(self) -> bool:
        """Whether only a purge can follow; an EXPIRED upload may still get a Record."""
        return self.directory == RECORDINGS and self.record_id is None and self.status in ENDS

    def next_check(self, at: datetime) -> datetime:
        """Return when to look again for bytes that have not arrived *at* this time."""
        if at >= self.url_expires_at + TOMBSTONE_AGE:
            return NEVER
        expected = self.record_id is not None and self.status is ProcessingStatus.PENDING
        return at + patience(at - self.created_at, expected=expected)

    def accounts_for(self, key: ObjectKey) -> bool:
        """Return whether the object belongs to this upload.

        Folder and uuid say whose original it is: another program may have chosen the rest of the key. While
        it is PROCESSING, any of its objects does: the attempt may be writing it. A tombstone still owns its
        original, which is removed with it.
        """
        if key.startswith(f"{self.directory}/{self.uuid}_"):
            return True
        published = {self.output.audio_key, self.output.waveform_key} if self.output else set()
        return self.status is ProcessingStatus.PROCESSING or key in published

    def is_overdue(self, at: datetime) -> bool:
        """Return whether its URL and `URL_GRACE` are over."""
        return self.status is ProcessingStatus.PENDING and at >= self.url_expires_at + URL_GRACE

    def has_lost_lease(self, at: datetime) -> bool:
        """Return whether its lease has run out."""
        return self.lease_until is not None and self.lease_until <= at

    def is_ended_by(self, claimed: Self) -> bool:
        """Return whether this row was written at the end of the attempt that *claimed* the upload.

        It was not if the attempt runs, if the sweep ended it, or if anything took the upload since.
        """
        was_swept = self.error_message == WORKER_LOST and self.failures > claimed.failures
        return (
            self.attempt == claimed.attempt
            and self.status
            in {ProcessingStatus.UPLOADED, ProcessingStatus.COMPLETED, ProcessingStatus.FAILED}
            and not was_swept
        )

    def is_orphan(self, at: datetime) -> bool:
        """Return whether it arrived but got no Record within `ORPHAN_AGE` of its request.

        Uploads of another program, outside `recordings`, need no Record.
        """
        return (
            self.status is ProcessingStatus.UPLOADED
            and self.record_id is None
            and self.directory == RECORDINGS
            and at > self.created_at + ORPHAN_AGE
        )

    def owned_by(self, actor: Actor) -> Self:
        """Return itself if the actor owns it.

        Raise `UploadNotFound` if it was deleted, or `PermissionDenied`, which does not name the Record of
        another user.
        """
        if self.status is ProcessingStatus.DELETED:
            raise UploadNotFound(self.id)
        if self.owner_id != actor.user_id:
            raise PermissionDenied(None, actor.user_id)
        return self

    def requested(self) -> DomainEvent:
        """Return the event of the request for this upload."""
        return self._event(EventType.UPLOAD_REQUESTED, self.created_at)

    def check_attachable(self) -> None:
        """Raise `RecordExists` or `StateConflict` unless it may get a Record now."""
        if self.record_id is not None:
            raise RecordExists(self.id)
        if self.status is ProcessingStatus.FAILED:
            raise StateConflict(self.id, WrongState.UPLOAD_FAILED)
        if self.status is ProcessingStatus.CANCELLED:
            raise StateConflict(self.id, WrongState.UPLOAD_CANCELLED)

    def attach_record(
        self, record_id: RecordId, *, at: datetime, origin: Origin | None = None
    ) -> tuple[Self, DomainEvent]:
        """Link its Record; the next look for its bytes is due at once."""
        upload = replace(self, record_id=record_id, not_before=None, origin=origin or self.origin)
        return upload, upload._event(EventType.RECORD_CREATED, at)

    def note_record_change(self, *, at: datetime, origin: Origin | None = None) -> tuple[Self, DomainEvent]:
        """Note that the title or song of its Record changed."""
        return self, self._event(EventType.RECORD_CHANGED, at, origin)

    def receive(
        self, found: StoredObject, *, at: datetime, origin: Origin | None = None
    ) -> tuple[Self, DomainEvent]:
        """Verify the object: UPLOADED with its ETag pinned, or FAILED for good."""
        mismatch = self._mismatch(found)
        if mismatch is not None:
            return self._move(
                ProcessingStatus.FAILED,
                EventType.UPLOAD_REJECTED,
                at,
                origin,
                failure=mismatch,
                error_message=self._mismatch_message(mismatch, found),
            )
        return self._move(
            ProcessingStatus.UPLOADED,
            EventType.UPLOAD_RECEIVED,
            at,
            origin,
            etag=found.etag,
            not_before=None,
            error_message=None,
        )

    def expire(self, *, at: datetime) -> tuple[Self, DomainEvent]:
        """Stop waiting for bytes that did not arrive in time."""
        return self._move(
            ProcessingStatus.EXPIRED,
            EventType.UPLOAD_EXPIRED,
            at,
            error_message=FailureCode.UPLOAD_EXPIRED.value,
        )

    def cancel(self, *, at: datetime, origin: Origin | None = None) -> tuple[Self, DomainEvent]:
        """Cancel an upload without bytes or Record. Raise `StateConflict` for any other."""
        if self.record_id is not None or self.status not in {
            ProcessingStatus.PENDING,
            ProcessingStatus.EXPIRED,
        }:
            raise StateConflict(self.id, WrongState.NOT_CANCELLABLE)
        return self._move(
            ProcessingStatus.CANCELLED,
            EventType.UPLOAD_CANCELLED,
            at,
            origin,
            error_message=FailureCode.UPLOAD_CANCELLED.value,
        )

    def start(self, *, at: datetime, lease_until: datetime) -> tuple[Self, DomainEvent]:
        """Give the lease to a worker, under the number of the next attempt."""
        return self._move(
            ProcessingStatus.PROCESSING,
            EventType.PROCESSING_STARTED,
            at,
            attempt=self.attempt + 1,
            lease_until=lease_until,
        )

    def complete(self, attempt: int, output: Output, *, at: datetime) -> tuple[Self, DomainEvent]:
        """Publish this *attempt*'s output.

        Raise `LeaseLost` if another attempt has the upload by now.
        """
        self._check_lease(attempt)
        return self._move(
            ProcessingStatus.COMPLETED,
            EventType.PROCESSING_COMPLETED,
            at,
            output=output,
            progress=100,
            failure=None,
            error_message=None,
        )

    def fail(self, attempt: int, failure: FailureCode, *, at: datetime) -> tuple[Self, DomainEvent]:
        """End with a failure that another try would not change.

        Raise `LeaseLost` like `complete`.
        """
        self._check_lease(attempt)
        return self._move(
            ProcessingStatus.FAILED,
            EventType.PROCESSING_FAILED,
            at,
            failures=self.failures + 1,
            failure=failure,
            error_message=failure.value,
        )

    def fail_attempt(
        self,
        attempt: int,
        *,
        killed: FailureCode | None = None,
        message: str,
        at: datetime,
        not_before: datetime,
    ) -> tuple[Self, DomainEvent]:
        """Count an attempt that failed or died.

        The upload goes back in line, or is FAILED when its budget is used up. *killed* is the failure code if
        the decoder was killed, and None for any other transient failure. Raise `LeaseLost` like `complete`.
        """
        self._check_lease(attempt)
        failures = self.failures + 1
        if failures >= (MAX_FAILURES_WHEN_KILLED if killed else MAX_FAILURES):
            return self._move(
                ProcessingStatus.FAILED,
                EventType.PROCESSING_FAILED,
                at,
                failures=failures,
                failure=killed or FailureCode.FAILED_TOO_OFTEN,
                error_message=message,
            )
        return self._move(
            ProcessingStatus.UPLOADED,
            EventType.PROCESSING_RELEASED,
            at,
            failures=failures,
            error_message=message,
            not_before=not_before,
        )

    def reverify(
        self, attempt: int, found: StoredObject | None, *, at: datetime, not_before: datetime
    ) -> tuple[Self, DomainEvent]:
        """Verify and pin an object that was replaced; the attempt counts as failed.

        *found* is None if the object was deleted. Raise `LeaseLost` like `complete`.
        """
        self._check_lease(attempt)
        if found is None:
            upload, event = self.fail_attempt(
                attempt, message="the object is gone", at=at, not_before=not_before
            )
            is_over = upload.status is ProcessingStatus.FAILED  # without an object, a retry is pointless
            return (replace(upload, etag=None) if is_over else upload), event
        if mismatch := self._mismatch(found):
            failed, event = self.fail(attempt, mismatch, at=at)
            return replace(failed, error_message=self._mismatch_message(mismatch, found)), event
        pinned = replace(self, etag=found.etag)
        return pinned.fail_attempt(attempt, message="the object was replaced", at=at, not_before=not_before)

    def release(
        self, attempt: int, *, at: datetime, not_before: datetime | None = None
    ) -> tuple[Self, DomainEvent]:
        """Give the lease back without counting a failure.

        Use it at shutdown or after an outage.

        Raise `LeaseLost`.
        """
        self._check_lease(attempt)
        return self._move(ProcessingStatus.UPLOADED, EventType.PROCESSING_RELEASED, at, not_before=not_before)

    def retry(
        self, *, at: datetime, forced: bool = False, origin: Origin | None = None
    ) -> tuple[Self, DomainEvent]:
        """Put it back in line with a new budget. Raise `StateConflict` with the `retry_obstacle`."""
        if why := self.retry_obstacle(forced=forced):
            raise StateConflict(self.id, why)
        return replace(self, origin=origin or self.origin)._move(
            ProcessingStatus.UPLOADED,
            EventType.PROCESSING_RETRIED,
            at,
            attempt=self.attempt + 1,
            failures=0,
            failure=None,
            error_message=None,
            not_before=None,
        )

    def delete(self, *, at: datetime, origin: Origin | None = None) -> tuple[Self, DomainEvent]:
        """Leave a tombstone; an attempt that holds a lease on it has lost it."""
        return self._move(
            ProcessingStatus.DELETED,
            EventType.UPLOAD_EXPIRED if self.record_id is None else EventType.RECORD_DELETED,
            at,
            origin,
            attempt=self.attempt + 1,
            deleted_at=at,
        )

    def _mismatch(self, found: StoredObject) -> FailureCode | None:
        if found.size != self.file_size:
            return FailureCode.SIZE_MISMATCH
        # Stores may change the case and spaces of a Content-Type, but keep its type and subtype.
        if media_type(found.content_type) != media_type(self.content_type):
            return FailureCode.TYPE_MISMATCH
        return None

    def _mismatch_message(self, mismatch: FailureCode, found: StoredObject) -> str:
        if mismatch is FailureCode.SIZE_MISMATCH:
            return f"{mismatch}: {self.file_size} bytes were declared, {found.size} arrived"
        return f"{mismatch}: {self.content_type} was declared, {found.content_type} arrived"

    def _check_lease(self, attempt: int) -> None:
        if self.status is not ProcessingStatus.PROCESSING or self.attempt != attempt:
            raise LeaseLost

    def _move(
        self,
        to: ProcessingStatus,
        event: EventType,
        at: datetime,
        origin: Origin | None = None,
        **changes: object,
    ) -> tuple[Self, DomainEvent]:
        if to not in MOVES[self.status]:
            raise IllegalMove(self.status, to)
        # A lease and its progress end with PROCESSING; only `start` sets a lease.
        always = {"status": to, "lease_until": None, "progress": 0, "changed_at": at}
        upload = replace(self, **(always | changes))
        return upload, upload._event(event, at, origin)

    def _event(self, kind: EventType, at: datetime, origin: Origin | None = None) -> DomainEvent:
        return DomainEvent(
            type=kind,
            user_id=self.owner_id,
            uuid=self.uuid,
            status=self.status,
            attempt=self.attempt,
            key=self.event_key,
            at=at,
            record_id=self.record_id,
            failures=self.failures,
            failure=self.failure,
            origin=origin or self.origin,
        )
