from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

import msgspec

from orak.domain.identity import RecordId, UploadId, UserId
from orak.domain.processing import ProcessingStatus


class LiveMessage(msgspec.Struct, frozen=True):
    """One step of a recording, as its owner sees it."""

    event_id: int | None
    """Position in the feed; None for a progress tick, which may be missed."""
    record_id: RecordId
    upload_id: UploadId
    processing_status: ProcessingStatus
    progress: int
    at: datetime
    deleted: bool = False
    """Whether the recording is gone; its status is FAILED then, for who does not look at this."""


class Live(Protocol):
    """Tells whoever listens right now how far a user's recordings are.

    A change reaches the listeners of the process that publishes it, and each process follows the feed by
    itself; a tick reaches those of every process, if it reaches any.
    """

    async def publish(self, user_id: UserId, message: LiveMessage) -> None:
        """Hand *message* to the user's listeners. Never waits for a slow one, never raises."""
        ...

    def listen(self, user_id: UserId) -> AbstractAsyncContextManager[AsyncIterator[LiveMessage]]:
        """Listen from the moment the block is entered.

        The iterator ends when this listener has fallen so far behind that messages would be lost: its client
        comes again and resumes from the feed.
        """
        ...
