from typing import Protocol


class BatchSettings(Protocol):
    """What operators tell all processes about batches.

    Every method may raise `Unavailable`.
    """

    async def batch_size(self) -> int | None:
        """Return the size that was set last, by any process; None if it was never set."""
        ...

    async def set_batch_size(self, size: int) -> None:
        """Set the size for all processes."""
        ...

    async def trigger(self) -> None:
        """Have every process begin a batch."""
        ...

    async def triggers(self) -> int:
        """Return how often a batch was triggered; each process begins one when the number rises."""
        ...
