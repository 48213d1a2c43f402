from datetime import datetime
from typing import Protocol

import msgspec

from orak.application.ports.page import Page
from orak.domain.upload import Upload


class Counts(msgspec.Struct, frozen=True):
    """How many uploads stand where, over all processes."""

    active: int
    """Somebody works on them, under a lease that has not run out."""
    waiting: int
    """In line, whether they may start yet or not."""
    waiting_users: int
    """How many owners those have."""
    processing: int
    """PROCESSING, whether their lease has run out or not."""
    failed: int
    completed: int
    orphans: int
    """Arrived, and without a Record for too long."""
    in_line_since: datetime | None
    """When the first in line that may start came to stand there; None if none may."""


class DeadLetter(msgspec.Struct, frozen=True):
    """An upload that FAILED: its conversion, or the check of its bytes."""

    upload: Upload
    failed_at: datetime


class Reports(Protocol):
    """The whole of orak, seen from above."""

    async def count(self, at: datetime, orphaned_before: datetime) -> Counts:
        """Count, all at one moment. What waits or runs is counted by walking that, not what is over."""
        ...

    async def failures(self, page: Page) -> list[DeadLetter]:
        """Return FAILED uploads, with a Record or without, the newest first."""
        ...

    async def orphans(self, created_before: datetime, page: Page) -> list[Upload]:
        """Return uploads in `recordings` that arrived and have no Record, the newest first.

        Only those that were asked for before then.
        """
        ...
