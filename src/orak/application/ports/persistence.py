"""Where aggregates live. Every method may raise `Unavailable`."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import msgspec

from orak.domain.events import DomainEvent
from orak.domain.identity import ObjectKey, RecordId, SongId, UploadId, UserId
from orak.domain.record import Record, RecordSnapshot
from orak.domain.upload import Upload


class Uploads(Protocol):
    """Uploads, each with the stream of events that made it."""

    async def get(self, upload_id: UploadId) -> Upload:
        """Return the upload as this transaction sees it, tombstones too. Raise `UploadNotFound`."""
        ...

    async def by_key(self, key: ObjectKey) -> Upload:
        """Return the upload whose bytes lie under *key*. Raise `UploadNotFound`."""
        ...

    async def save(self, upload: Upload, event: DomainEvent) -> Upload:
        """Store *upload* and the *event* that made it, together or not at all; its version rises by one.

        An upload that is waiting (`Upload.is_waiting`) stands in line for `Leases.claim` from then on: behind
        its owner's other waiting takes, but not behind another owner's. It keeps its turn until it has left
        the line for good. `record_id` is not stored: `Records` holds that link.

        Raises:
            StaleVersion: another writer saved it since it was read.
        """
        ...

    async def purge(self, upload_id: UploadId) -> None:
        """Remove the row of an upload without a Record; its events stay. Absent already: nothing happens."""
        ...


class Records(Protocol):
    """Records, each the only one of its upload."""

    async def get(self, record_id: RecordId) -> Record:
        """Return the record. Raise `RecordNotFound`."""
        ...

    async def add(self, record: Record) -> Record:
        """Store a new record and return it with its id. Raise `RecordExists` if its upload has one."""
        ...

    async def save(self, record: Record) -> Record:
        """Store a changed record; its version rises by one. Raise `StaleVersion` like `Uploads.save`."""
        ...

    async def remove(self, record_id: RecordId) -> None:
        """Remove the record. Raise `RecordNotFound` if it is gone."""
        ...


class Song(msgspec.Struct, frozen=True):
    """A song that a take may be of."""

    id: SongId
    title: str | None = None
    artist: str | None = None


class Songs(Protocol):
    """The catalogue; it belongs to the app around orak and is only referred to here."""

    async def check(self, song_id: SongId) -> None:
        """Raise `SongNotFound` if there is no such song."""
        ...

    async def put(self, songs: Sequence[Song]) -> None:
        """Store each, in place of one with the same id."""
        ...


class Users(Protocol):
    """Who has ever come with a valid token."""

    async def ensure(self, user_id: UserId) -> None:
        """Make the user's row if there is none."""
        ...


class IdempotencyKeys(Protocol):
    """What each Idempotency-Key was first used for."""

    async def find(self, idempotency_key: "IdempotencyKey") -> int | None:
        """Return the id that the first call made; None for a key not used within the last 24 hours.

        Raises:
            IdempotencyMismatch: the key was used with another body.
        """
        ...

    async def keep(self, idempotency_key: "IdempotencyKey", made: int) -> None:
        """Remember what this call makes. Raise `StaleVersion` if another call with the key was faster."""
        ...


class IdempotencyKey(msgspec.Struct, frozen=True):
    """A call that is to have one effect however often it is sent."""

    user_id: UserId
    route: str
    key: str
    fingerprint: str
    """A digest of the body; the same key with another one is a mistake of the client's."""


class Transaction(Protocol):
    """One unit of work: all of it happens, or none."""

    @property
    def uploads(self) -> Uploads: ...  # noqa: D102 - the type says it
    @property
    def records(self) -> Records: ...  # noqa: D102
    @property
    def songs(self) -> Songs: ...  # noqa: D102
    @property
    def users(self) -> Users: ...  # noqa: D102
    @property
    def idempotency_keys(self) -> IdempotencyKeys: ...  # noqa: D102


class UnitOfWork(Protocol):
    """Begins transactions."""

    def __call__(self) -> AbstractAsyncContextManager[Transaction]:
        """Begin; a clean exit commits, an exception leaves no trace. Nothing slow belongs inside."""
        ...


class Page(msgspec.Struct, frozen=True):
    """Where a list goes on: after the record or upload with this id, in the order newest first."""

    after: int | None = None
    limit: int = 1000


class Snapshots(Protocol):
    """Records read together with their uploads, outside any transaction."""

    async def get(self, record_id: RecordId) -> RecordSnapshot:
        """Return one. Raise `RecordNotFound`."""
        ...

    async def upload(self, upload_id: UploadId) -> Upload:
        """Return an upload, whether it has a Record or not; tombstones too. Raise `UploadNotFound`."""
        ...

    async def upload_by_key(self, key: ObjectKey) -> Upload:
        """Return the upload whose bytes lie under *key*, as `upload` does."""
        ...

    async def of(self, owner_id: UserId, page: Page) -> list[RecordSnapshot]:
        """Return an owner's, newest first (created_at, then id), in one statement.

        `page.after` need not exist any more: the page goes on where it would have stood, as far as the
        order by id can tell.
        """
        ...
