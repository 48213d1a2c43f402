from dataclasses import dataclass

from msgspec.structs import replace

from orak.adapters.persistence.memory.idempotency_keys import find_key, keep_key
from orak.adapters.persistence.memory.store import Store
from orak.application.ports.clock import Clock
from orak.application.ports.record_intake import Creation, Found, Wanted
from orak.domain.identity import RecordId
from orak.domain.record import RecordSnapshot


@dataclass(frozen=True, slots=True)
class MemoryRecordIntake:
    """The port `RecordIntake` in memory: it stores records one by one."""

    store: Store
    clock: Clock

    async def find(self, wanted: Wanted) -> Found:
        state, key = self.store.committed, wanted.idempotency_key
        made = None if key is None else find_key(state, key, self.clock.now())
        return Found(
            state.upload(wanted.upload_id) if wanted.upload_id in state.uploads else None,
            wanted.song_id is None or wanted.song_id in state.songs,
            None if made is None else RecordId(made),
        )

    async def add(self, creation: Creation) -> RecordSnapshot:
        async with self.store.writing() as state:
            made, events = creation.saved_as(state.add_record(creation.record).id)
            state.save_upload(replace(made.upload, version=creation.upload.version), *events)
            if creation.idempotency_key is not None:
                keep_key(state, creation.idempotency_key, made.record.id, creation.at)
            return made
