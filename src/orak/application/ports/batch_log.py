from typing import Protocol

import msgspec


class BatchReport(msgspec.Struct, frozen=True):
    """What became of one batch."""

    started: int
    completed: int
    failed: int
    """How many FAILED for good. What neither completed nor failed is in line again."""
    seconds: float
    """From its beginning to the end of its last conversion."""
    is_full: bool
    """Whether it started as many conversions as its size allows."""


class BatchTotals(msgspec.Struct, frozen=True):
    """The sums over all batches that started a conversion, of all processes."""

    batches: int = 0
    full: int = 0
    started: int = 0
    completed: int = 0
    failed: int = 0
    seconds: float = 0.0


class BatchLog(Protocol):
    """The totals of all batches. Every method may raise `Unavailable`."""

    async def add(self, report: BatchReport) -> None:
        """Add one batch to the totals."""
        ...

    async def totals(self) -> BatchTotals:
        """Return the totals since the database was made."""
        ...
