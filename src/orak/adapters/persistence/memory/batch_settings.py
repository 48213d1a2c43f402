from dataclasses import dataclass


@dataclass(slots=True)
class MemoryBatchSettings:
    """The port `BatchSettings` in memory."""

    _batch_size: int | None = None

    async def batch_size(self) -> int | None:
        return self._batch_size

    async def set_batch_size(self, size: int) -> None:
        self._batch_size = size
