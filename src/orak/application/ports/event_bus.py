from collections.abc import Sequence
from typing import Protocol

from orak.domain.events import LoggedEvent


class EventBus(Protocol):
    """Carries events to whoever subscribed to them: at least once, and in no order that one could rely on."""

    async def publish(self, page: Sequence[LoggedEvent]) -> frozenset[int]:
        """Send events; none before the earlier ones of its upload were taken.

        Return the positions of those that were not taken, and of the later ones of their uploads. What can
        never be taken is logged and counts as taken. Raise `Unavailable` if none was.
        """
        ...
