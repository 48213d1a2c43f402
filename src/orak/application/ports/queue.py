from typing import Protocol


class Queue(Protocol):
    """Carries hints that one more upload waits: never which, so losing or doubling one changes nothing."""

    async def wake(self) -> None:
        """Tell some worker to look. Never raises: a hint that is lost costs time, which the sweep bounds."""
        ...
