from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

import msgspec

from orak.domain.identity import RecordId, UploadId, UserId
from orak.domain.processing import ProcessingStatus


class LiveMessage(msgspec.Struct, frozen=True):
    """One status change or progress tick of a record, as its owner sees it."""

    event_id: int | None
    """Feed position of the event; None for a progress tick, which may be lost."""
    record_id: RecordId
    upload_id: UploadId
    processing_status: ProcessingStatus
    progress: int
    at: datetime
    deleted: bool = False
    """Whether the record was deleted; clients that ignore this field see the status FAILED."""


class Live(Protocol):
    """Delivers messages about a user's records to the user's connected clients.

    A change reaches the clients of the process that publishes it; each process follows the event log by
    itself. A tick reaches the clients of all processes, or is lost.
    """

    async def publish(self, user_id: UserId, message: LiveMessage) -> None:
        """Pass *message* to the user's clients. Never wait for a slow client, never raise."""
        ...

    def listen(self, user_id: UserId) -> AbstractAsyncContextManager[AsyncIterator[LiveMessage]]:
        """Subscribe from the moment the block is entered.

        The iterator ends if so many messages wait that a change would be lost. The client then reconnects and
        resumes from the event log.
        """
        ...
