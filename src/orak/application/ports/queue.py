from typing import Protocol


class Queue(Protocol):
    """A carrier of wake-ups, each saying that some upload is waiting.

    A wake-up never says which upload, so a lost or repeated one changes nothing.
    """

    async def wake(self) -> None:
        """Wake some worker. Never raise: the sweep finds the upload of a lost wake-up."""
        ...
