from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from orak.application.ports.event_bus import EventBus
from orak.application.ports.subscribers import PageOutcome, StartPosition
from orak.domain.events import EventType, LoggedEvent


@dataclass(frozen=True, slots=True)
class PublishEvents:
    """Publishes each event on a bus, for other services and for the workers of orak."""

    bus: EventBus
    name: str = "event-bus"
    in_order: bool = True
    longest_rest: timedelta = timedelta(minutes=1)
    begins: StartPosition = StartPosition.NEXT

    async def event_types(self) -> frozenset[EventType]:
        """Return all types."""
        return frozenset(EventType)

    async def read(self, page: Sequence[LoggedEvent]) -> PageOutcome:
        """Publish events; those that the bus did not accept come again."""
        return PageOutcome(failed=await self.bus.publish(page))
