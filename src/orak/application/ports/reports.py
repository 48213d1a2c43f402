from datetime import datetime
from typing import Protocol

import msgspec

from orak.application.ports.page import Page
from orak.domain.upload import Upload


class Counts(msgspec.Struct, frozen=True):
    """How many uploads are in which state, over all processes."""

    active: int
    """PROCESSING, under a lease that has not run out."""
    waiting: int
    """In line, whether they may start yet or not."""
    waiting_users: int
    """How many owners the waiting uploads have."""
    processing: int
    """PROCESSING, whether their lease has run out or not."""
    failed: int
    dead_letters: int
    """FAILED, and another run may convert them: their object was verified, and the file is not at fault."""
    orphans: int
    """Arrived, and without a Record since before the given time."""
    in_line_since: datetime | None
    """When the first upload that may start joined the line; None if none may start."""


class DeadLetter(msgspec.Struct, frozen=True):
    """An upload that FAILED, in its conversion or the check of its bytes."""

    upload: Upload
    failed_at: datetime


class Reports(Protocol):
    """Reports for operators, over all processes. Every method may raise `Unavailable`."""

    async def count(self, at: datetime, orphaned_before: datetime) -> Counts:
        """Count uploads by state, all at one moment.

        The cost depends on how many uploads wait, run or failed, not on how many are done.
        """
        ...

    async def count_completed(self) -> int:
        """Count COMPLETED uploads. The cost grows with their number, and they are kept."""
        ...

    async def failures(self, page: Page) -> list[DeadLetter]:
        """Return FAILED uploads, with a Record or without, newest first."""
        ...

    async def orphans(self, created_before: datetime, page: Page) -> list[Upload]:
        """Return uploads in `recordings` that arrived and have no Record, newest first.

        Only uploads requested before *created_before* count.
        """
        ...
