"""A Record: the name that its owner gave a take."""

import unicodedata
from datetime import datetime
from typing import Self

import msgspec
from msgspec.structs import replace

from orak.domain.actor import Actor
from orak.domain.errors import PermissionDenied, Problem, Rejected
from orak.domain.identity import RecordId, SongId, UploadId, UserId
from orak.domain.policies.fields import name_problem
from orak.domain.processing import FailureCode, ProcessingStatus, shown_as
from orak.domain.upload import Upload

UNSAVED = RecordId(0)

_FAILURE_OF = {
    ProcessingStatus.EXPIRED: FailureCode.UPLOAD_EXPIRED,
    ProcessingStatus.CANCELLED: FailureCode.UPLOAD_CANCELLED,
}


class Record(msgspec.Struct, frozen=True):
    """A named take of one owner, from one upload."""

    owner_id: UserId
    upload_id: UploadId
    title: str
    created_at: datetime
    updated_at: datetime
    song_id: SongId | None = None
    duration_seconds: int | None = None
    """What the client said; the decoder's figure is the upload's."""
    id: RecordId = UNSAVED
    version: int = 1

    @classmethod
    def name(
        cls,
        upload: Upload,
        title: str,
        *,
        song_id: SongId | None,
        duration_seconds: int | None,
        at: datetime,
    ) -> Self:
        """Name the take of *upload*. Raise `Rejected` for a title that is none."""
        return cls(
            owner_id=upload.owner_id,
            upload_id=upload.id,
            title=_checked_title(title),
            song_id=song_id,
            duration_seconds=duration_seconds or upload.declared_duration,
            created_at=at,
            updated_at=at,
        )

    def change(self, *, title: str | None, song_id: SongId | None, at: datetime) -> Self:
        """Give another title, another song, or both; what is None stays. Itself if that changes nothing."""
        title = self.title if title is None else _checked_title(title)
        song_id = song_id or self.song_id
        if (title, song_id) == (self.title, self.song_id):
            return self
        return replace(self, title=title, song_id=song_id, updated_at=at)


class RecordSnapshot(msgspec.Struct, frozen=True):
    """A Record together with the upload it names: what its owner sees as one thing."""

    record: Record
    upload: Upload

    def owned_by(self, actor: Actor) -> Self:
        """Return itself to its owner. Raise `PermissionDenied` to anyone else."""
        if self.record.owner_id != actor.user_id:
            raise PermissionDenied(self.record.id, actor.user_id)
        return self

    @property
    def status(self) -> ProcessingStatus:
        """How far the take is, in a client's three words."""
        return shown_as(self.upload.status)

    @property
    def is_settled(self) -> bool:
        """Whether nothing will become of it unless somebody asks for it."""
        return self.status is not ProcessingStatus.PROCESSING

    @property
    def is_queued(self) -> bool:
        """Whether its bytes are there and its conversion is to come, or under way."""
        return not self.is_settled and not self.upload.awaits_arrival

    @property
    def failure(self) -> FailureCode | None:
        """Why the take failed, while it is shown as failed."""
        return _FAILURE_OF.get(self.upload.status, self.upload.failure)

    @property
    def duration_seconds(self) -> int | None:
        """The decoder's figure once there is one, rounded down; until then what the client said."""
        if self.upload.output is not None:
            return int(self.upload.output.duration_seconds)
        return self.record.duration_seconds


def title_problem(title: str | None) -> Problem | None:
    """What is wrong with a title."""
    return name_problem("title", title)


def _checked_title(title: str) -> str:
    if problem := title_problem(title):
        raise Rejected([problem])
    return unicodedata.normalize("NFC", title)
