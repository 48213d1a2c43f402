"""A Record: an upload that its owner gave a title."""

from datetime import datetime
from typing import Self

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from orak.domain.actor import Actor
from orak.domain.errors import PermissionDenied, Problem, Rejected
from orak.domain.identity import ObjectKey, RecordId, SongId, UploadId, UserId
from orak.domain.policies.fields import clean_name, name_problem
from orak.domain.processing import FailureCode, ProcessingStatus, failure_of, shown_as
from orak.domain.upload import Output, Upload, retry_obstacle

UNSAVED = RecordId(0)


class Record(msgspec.Struct, frozen=True):
    """A titled recording of one owner, made from one upload."""

    owner_id: UserId
    upload_id: UploadId
    title: str
    created_at: datetime
    updated_at: datetime
    song_id: SongId | None = None
    duration_seconds: int | None = None
    """The duration that the client declared; the measured one is in the upload's output."""
    id: RecordId = UNSAVED
    version: int = 1

    @classmethod
    def create(
        cls,
        upload: Upload,
        title: str,
        *,
        song_id: SongId | None,
        duration_seconds: int | None,
        at: datetime,
    ) -> Self:
        """Make the Record of *upload*. Raise `Rejected` if the title is invalid."""
        return cls(
            owner_id=upload.owner_id,
            upload_id=upload.id,
            title=_checked_title(title),
            song_id=song_id,
            duration_seconds=duration_seconds or upload.declared_duration,
            created_at=at,
            updated_at=at,
        )

    def change(self, *, title: str | None, song_id: SongId | UnsetType | None, at: datetime) -> Self:
        """Return the record with another title or song, or without a song.

        None keeps the title, and UNSET the song. Return itself if nothing changes. Raise `Rejected` if the
        title is invalid.
        """
        title = self.title if title is None else _checked_title(title)
        song_id = self.song_id if song_id is UNSET else song_id
        if (title, song_id) == (self.title, self.song_id):
            return self
        return replace(self, title=title, song_id=song_id, updated_at=at)


class RecordSnapshot(msgspec.Struct, frozen=True):
    """A Record read together with its upload; clients see both as one resource."""

    record: Record
    upload: Upload

    def owned_by(self, actor: Actor) -> Self:
        """Return itself if the actor owns it; otherwise raise `PermissionDenied`."""
        if self.record.owner_id != actor.user_id:
            raise PermissionDenied(self.record.id, actor.user_id)
        return self

    def claimed(self, upload: Upload, *, at: datetime) -> "ClaimedUpload":
        """Return this waiting upload as its claim, *at* this time, left it."""
        waiting = self.upload
        ready_since = max(
            self.record.created_at,
            waiting.changed_at or waiting.created_at,  # when it arrived, or was put back in line
            waiting.not_before or waiting.created_at,
        )
        return ClaimedUpload(self.record, upload, at, max(0.0, (at - ready_since).total_seconds()))

    @property
    def status(self) -> ProcessingStatus:
        """The status that clients see: COMPLETED, PROCESSING or FAILED."""
        return shown_as(self.upload.status)

    @property
    def is_settled(self) -> bool:
        """Whether the status stays as it is unless a caller changes it."""
        return self.status is not ProcessingStatus.PROCESSING

    @property
    def is_queued(self) -> bool:
        """Whether the bytes have arrived and the conversion waits or runs."""
        return not self.is_settled and not self.upload.awaits_arrival

    @property
    def failure(self) -> FailureCode | None:
        """Why it failed, while its status is FAILED."""
        return self.shown().failure

    @property
    def audio_key(self) -> ObjectKey | None:
        """The key of the public audio; None until COMPLETED."""
        return self.shown().audio_key

    @property
    def duration_seconds(self) -> int | None:
        """The measured duration, rounded down; until it is measured, the declared one."""
        return self.shown().duration_seconds

    def shown(self) -> "ShownRecord":
        """Return what clients see of it."""
        record, upload = self.record, self.upload
        return ShownRecord(
            id=record.id,
            owner_id=record.owner_id,
            song_id=record.song_id,
            upload_id=record.upload_id,
            title=record.title,
            declared_duration=record.duration_seconds,
            created_at=record.created_at,
            record_changed_at=record.updated_at,
            version=record.version,
            upload_version=upload.version,
            upload_status=upload.status,
            upload_failure=upload.failure,
            upload_key=upload.key,
            upload_changed_at=upload.changed_at,
            has_object=upload.etag is not None,
            progress=upload.progress,
            output=upload.output,
        )


class ClaimedUpload(RecordSnapshot, frozen=True):
    """An upload that a worker may convert now, under a new attempt, and its Record."""

    claimed_at: datetime
    waited_seconds: float
    """How long it could have been claimed: its bytes and its Record were there, and no back-off held it."""


class ShownRecord(msgspec.Struct, frozen=True):
    """What clients see of a Record and its upload: all that a list reads."""

    id: RecordId
    owner_id: UserId
    song_id: SongId | None
    upload_id: UploadId
    title: str
    declared_duration: int | None
    created_at: datetime
    record_changed_at: datetime
    version: int
    upload_version: int
    upload_status: ProcessingStatus
    upload_failure: FailureCode | None
    upload_key: ObjectKey
    upload_changed_at: datetime | None
    has_object: bool
    """Whether the upload's object was verified."""
    progress: int
    output: Output | None

    @property
    def state(self) -> tuple[object, ...]:
        """Values, at least one of which changes with every change that clients see.

        Versions and progress are enough for what orak changes. In an adopted database, the app changes the
        others without a new version.
        """
        return (
            self.id,
            self.version,
            self.upload_version,
            self.progress,
            self.upload_status,
            self.title,
            self.song_id,
            self.declared_duration,
            self.record_changed_at,
        )

    @property
    def status(self) -> ProcessingStatus:
        """The status that clients see: COMPLETED, PROCESSING or FAILED."""
        return shown_as(self.upload_status)

    @property
    def failure(self) -> FailureCode | None:
        """Why it failed, while its status is FAILED."""
        return failure_of(self.upload_status, self.upload_failure)

    @property
    def is_retryable(self) -> bool:
        """Whether its owner may have it converted again."""
        return retry_obstacle(self.upload_status, self.upload_failure, has_object=self.has_object) is None

    @property
    def updated_at(self) -> datetime:
        """When anything that clients see of it last changed, the progress of its conversion included."""
        return max(self.record_changed_at, self.upload_changed_at or self.record_changed_at)

    @property
    def key(self) -> ObjectKey:
        """The original object's key until there is a rendition."""
        return self.upload_key if self.output is None else self.output.audio_key

    @property
    def audio_key(self) -> ObjectKey | None:
        """The key of the public audio; None until COMPLETED.

        An upload that another program completed has no rendition: its original is the public audio.
        """
        return self.key if self.upload_status is ProcessingStatus.COMPLETED else None

    @property
    def duration_seconds(self) -> int | None:
        """The measured duration, rounded down; until it is measured, the declared one."""
        return self.declared_duration if self.output is None else int(self.output.duration_seconds)


def title_problem(title: str | None) -> Problem | None:
    """Return what is wrong with a title."""
    return name_problem("title", title)


def _checked_title(title: str) -> str:
    if problem := title_problem(title):
        raise Rejected([problem])
    return clean_name(title)
