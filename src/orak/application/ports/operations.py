"""What operators look at and set. Every method may raise `Unavailable`."""

from datetime import datetime
from typing import Protocol

import msgspec

from orak.application.ports.persistence import Page
from orak.domain.upload import Upload


class Counts(msgspec.Struct, frozen=True):
    """How many uploads stand where, over all processes."""

    active: int
    """Somebody works on them, under a lease that has not run out."""
    waiting: int
    """In line, whether they may start yet or not."""
    processing: int
    """PROCESSING, whether their lease has run out or not."""
    failed: int
    completed: int
    orphans: int
    """Arrived, and without a Record for too long."""
    oldest_waiting: datetime | None
    """When the oldest that waits was asked for."""


class Operations(Protocol):
    """The whole of orak, seen from above."""

    async def count(self, at: datetime, orphaned_before: datetime) -> Counts:
        """Count, from indexes alone where there are many."""
        ...

    async def failures(self, page: Page) -> list[Upload]:
        """Return FAILED uploads, the newest first."""
        ...

    async def orphans(self, created_before: datetime, page: Page) -> list[Upload]:
        """Return uploads that arrived, have no Record and were asked for before then, the newest first."""
        ...

    async def batch_size(self) -> int | None:
        """Return what `set_batch_size` was last told, by any process; None if it never was."""
        ...

    async def set_batch_size(self, size: int) -> None:
        """Set it for all processes, until it is set again."""
        ...
