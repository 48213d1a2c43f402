"""The port `EventSignal` within one process; adapters of databases build on it."""

from collections.abc import Callable


class CommitSignal:
    """The port `EventSignal` for the events that this process commits."""

    def __init__(self, *, hears_every_process: bool) -> None:
        """Set *hears_every_process* to True if no other process commits events."""
        self.hears_every_process = hears_every_process
        self._listeners: list[Callable[[], None]] = []

    def listen(self, listener: Callable[[], None]) -> None:
        self._listeners.append(listener)

    def give(self) -> None:
        """Call the listeners. Adapters call this after each commit of events."""
        for listener in self._listeners:
            listener()

    async def close(self) -> None:
        """Nothing is open."""
