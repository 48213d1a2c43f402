from orak.adapters.persistence.memory.store import Store
from orak.adapters.persistence.memory.unit_of_work import MemoryIdempotencyKeys
from orak.application.ports.clock import Clock
from orak.application.ports.failures import StaleVersion, Unavailable
from orak.application.ports.idempotency_keys import IdempotencyKey
from orak.domain.identity import UploadId
from orak.domain.upload import Upload


class MemoryIntake:
    """New uploads. There is no disk to wait for, so none to share the wait for."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def add(self, upload: Upload, idempotency_key: IdempotencyKey | None = None) -> Upload:
        """Store a new upload and its event, and return it with its id."""
        async with self._store.writing() as state:
            idempotency_keys = MemoryIdempotencyKeys(state, self._clock)
            if (
                idempotency_key is not None
                and (made := await idempotency_keys.find(idempotency_key)) is not None
            ):
                return state.upload(UploadId(made))
            try:
                stored = state.add_upload(upload)
            except StaleVersion as refused:
                raise Unavailable("its uuid or key is taken") from refused
            if idempotency_key is not None:
                await idempotency_keys.keep(idempotency_key, stored.id)
            return stored
