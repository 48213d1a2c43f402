from collections.abc import Callable
from typing import Protocol


class EventSignal(Protocol):
    """Tells this process that events were committed, sooner than it would look for them.

    A signal may be lost, and one may come without an event, so readers look at intervals as well.
    """

    @property
    def hears_every_process(self) -> bool:
        """Whether signals come from all processes now; otherwise only from this one."""
        ...

    def listen(self, listener: Callable[[], None]) -> None:
        """Call *listener* on the event loop after each commit of events.

        Call this on the event loop, before any event whose signal must be heard.
        """
        ...
