class MemoryBatchSettings:
    """Batch settings of this process."""

    def __init__(self) -> None:
        self._batch_size: int | None = None

    async def batch_size(self) -> int | None:
        """Return what was last set; None if it never was."""
        return self._batch_size

    async def set_batch_size(self, size: int) -> None:
        """Set it."""
        self._batch_size = size
