from datetime import datetime
from typing import Protocol


class Queue(Protocol):
    """A carrier of wake-ups, each of which starts one waiting upload.

    A wake-up never says which upload: the fairest starts. A lost wake-up costs time only, because a batch
    finds its upload.
    """

    async def wake(self) -> None:
        """Have a worker start one waiting upload as soon as it has room. Never raise."""
        ...

    def wake_at(self, due: datetime) -> None:
        """Send a wake-up at *due*, unless this process ends before. Never raise."""
        ...
