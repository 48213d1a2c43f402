from collections.abc import Sequence
from typing import Protocol

from orak.domain.events import LoggedEvent


class EventBus(Protocol):
    """Delivers events to the bus's own subscribers.

    Each comes at least once, and in no guaranteed order.
    """

    async def publish(self, page: Sequence[LoggedEvent]) -> frozenset[int]:
        """Send events, each after the bus has accepted the earlier ones of its upload.

        Return the positions of the events that the bus did not accept, and of all later ones of their
        uploads. An event that the bus can never accept is logged and counts as accepted. Raise `Unavailable`
        if the bus accepted none.
        """
        ...
