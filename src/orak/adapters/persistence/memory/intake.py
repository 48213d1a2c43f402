from dataclasses import dataclass

from orak.adapters.persistence.memory.idempotency_keys import find_key, keep_key
from orak.adapters.persistence.memory.store import Store
from orak.application.ports.clock import Clock
from orak.application.ports.failures import StaleVersion, Unavailable
from orak.application.ports.idempotency_keys import IdempotencyKey
from orak.domain.identity import UploadId
from orak.domain.upload import Upload


@dataclass(frozen=True, slots=True)
class MemoryIntake:
    """The port `Intake` in memory: it stores uploads one by one."""

    store: Store
    clock: Clock

    async def add(self, upload: Upload, idempotency_key: IdempotencyKey | None = None) -> Upload:
        async with self.store.writing() as state:
            now = self.clock.now()
            if idempotency_key is not None and (made := find_key(state, idempotency_key, now)) is not None:
                return state.upload(UploadId(made))
            try:
                stored = state.add_upload(upload)
            except StaleVersion as refused:
                raise Unavailable("another upload has this uuid or key") from refused
            if idempotency_key is not None:
                keep_key(state, idempotency_key, stored.id, now)
            return stored
