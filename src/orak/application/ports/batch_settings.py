from typing import Protocol


class BatchSettings(Protocol):
    """Batch settings that operators change for all processes.

    Every method may raise `Unavailable`.
    """

    async def batch_size(self) -> int | None:
        """Return the size that was set last, by any process; None if it was never set."""
        ...

    async def set_batch_size(self, size: int) -> None:
        """Set the size for all processes."""
        ...
