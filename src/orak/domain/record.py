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
from orak.domain.processing import FailureCode, ProcessingStatus, shown_as
from orak.domain.upload import Upload

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
        return self.upload.shown_failure

    @property
    def updated_at(self) -> datetime:
        """When anything that clients see of it last changed, the progress of its conversion included."""
        return max(self.record.updated_at, self.upload.changed_at or self.record.updated_at)

    @property
    def audio_key(self) -> ObjectKey | None:
        """The key of the public audio; None until COMPLETED.

        An upload that another program completed has no rendition: its original is the public audio.
        """
        return self.upload.shown_key if self.upload.status is ProcessingStatus.COMPLETED else None

    @property
    def duration_seconds(self) -> int | None:
        """The measured duration, rounded down; until it is measured, the declared one."""
        if self.upload.output is not None:
            return int(self.upload.output.duration_seconds)
        return self.record.duration_seconds


def title_problem(title: str | None) -> Problem | None:
    """Return what is wrong with a title."""
    return name_problem("title", title)


def _checked_title(title: str) -> str:
    if problem := title_problem(title):
        raise Rejected([problem])
    return clean_name(title)
