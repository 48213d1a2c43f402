from dataclasses import dataclass

from msgspec import UNSET, UnsetType

from orak.application.origins import current_origin
from orak.application.ports.clock import Clock
from orak.application.ports.snapshot_cache import SnapshotCache
from orak.application.ports.snapshots import Snapshots
from orak.application.ports.unit_of_work import UnitOfWork
from orak.application.retries import with_retries
from orak.domain.actor import Actor
from orak.domain.errors import Rejected
from orak.domain.identity import RecordId, SongId
from orak.domain.policies.fields import id_problem
from orak.domain.record import RecordSnapshot, title_problem


@dataclass(frozen=True, slots=True)
class ChangeRecord:
    """Change a record's title, change or remove its song, or both.

    A call that changes nothing leaves the record as it is, its version and time of change too.
    """

    transaction: UnitOfWork
    snapshots: Snapshots
    cache: SnapshotCache
    clock: Clock

    async def __call__(
        self,
        actor: Actor,
        record_id: RecordId,
        *,
        title: str | None = None,
        song_id: SongId | UnsetType | None = UNSET,
    ) -> RecordSnapshot:
        """Return the changed record. None keeps the title, UNSET the song; a song of None removes it.

        Raise `Rejected`, `RecordNotFound`, `PermissionDenied` or `SongNotFound`.
        """
        checks = (
            None if title is None else title_problem(title),
            id_problem("song_id", song_id) if isinstance(song_id, int) else None,
        )
        if problems := [problem for problem in checks if problem is not None]:
            raise Rejected(problems)

        async def change() -> None:
            at = self.clock.now()
            async with self.transaction() as tx:
                record = await tx.records.get(record_id)
                upload = await tx.uploads.get(record.upload_id)
                RecordSnapshot(record, upload).owned_by(actor)
                if isinstance(song_id, int):
                    await tx.songs.check(song_id)
                changed = record.change(title=title, song_id=song_id, at=at)
                if changed is not record:
                    await tx.records.save(changed)
                    await tx.uploads.save(*upload.note_record_change(at=at, origin=current_origin()))

        await self.cache.invalidate(record_id)
        await with_retries(self.clock, change)
        await self.cache.invalidate(record_id)
        return await self.snapshots.get(record_id)
