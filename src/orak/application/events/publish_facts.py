from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from orak.application.events.relay_facts import Beginning, Reading
from orak.application.ports.event_bus import EventBus
from orak.domain.events import NumberedFact


@dataclass(frozen=True, slots=True)
class PublishFacts:
    """Publishes each fact on a bus, for other services and for orak's own workers."""

    bus: EventBus
    name: str = "event-bus"
    in_order: bool = True
    longest_rest: timedelta = timedelta(minutes=1)
    begins: Beginning = Beginning.NEXT

    async def read(self, page: Sequence[NumberedFact]) -> Reading:
        """Publish facts; what the bus refused comes again."""
        return Reading(failed=await self.bus.publish(page))
