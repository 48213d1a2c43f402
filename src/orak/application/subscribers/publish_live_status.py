from dataclasses import dataclass

from orak.application.live_messages import message_of
from orak.application.ports.live import Live
from orak.domain.events import LoggedEvent


@dataclass(frozen=True, slots=True)
class PublishLiveStatus:
    """Tells whoever listens of each change of a recording."""

    live: Live

    async def hear(self, logged: LoggedEvent) -> None:
        """Publish the change under its position, by which a listener resumes."""
        if message := message_of(logged):
            await self.live.publish(logged.event.user_id, message)
