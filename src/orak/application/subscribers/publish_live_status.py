from dataclasses import dataclass

from orak.application.live_messages import EVENT_TYPES, message_of
from orak.application.ports.live import Live
from orak.domain.events import EventType, LoggedEvent


@dataclass(frozen=True, slots=True)
class PublishLiveStatus:
    """Publishes each change of a record to its owner's connected clients."""

    live: Live
    event_types: frozenset[EventType] = EVENT_TYPES

    async def receive(self, logged: LoggedEvent) -> None:
        """Publish the change under its feed position, from which a client resumes."""
        if message := message_of(logged):
            await self.live.publish(logged.event.user_id, message)
