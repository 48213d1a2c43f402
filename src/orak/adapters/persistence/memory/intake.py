from orak.adapters.persistence.memory.store import Store
from orak.adapters.persistence.memory.unit_of_work import MemoryOnces
from orak.application.ports.clock import Clock
from orak.application.ports.failures import StaleVersion, Unavailable
from orak.application.ports.persistence import Once
from orak.domain.identity import UploadId
from orak.domain.upload import Upload


class MemoryIntake:
    """New uploads. There is no disk to wait for, so none to share the wait for."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def add(self, upload: Upload, once: Once | None = None) -> Upload:
        """Store a new upload and its fact, and return it with its id."""
        async with self._store.writing() as state:
            onces = MemoryOnces(state, self._clock)
            if once is not None and (made := await onces.find(once)) is not None:
                return state.upload(UploadId(made))
            try:
                stored = state.add_upload(upload)
            except StaleVersion as refused:
                raise Unavailable("its uuid or key is taken") from refused
            if once is not None:
                await onces.keep(once, stored.id)
            return stored
