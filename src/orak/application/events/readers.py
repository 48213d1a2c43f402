"""Who acts on facts within orak itself."""

from dataclasses import dataclass

from orak.application.ports.live import Live, LiveMessage
from orak.application.ports.storage import Storage
from orak.domain.events import FactType, NumberedFact
from orak.domain.identity import published_prefix
from orak.domain.processing import ProcessingStatus, shown_as

_COMPLETE = 100


@dataclass(frozen=True, slots=True)
class DeleteObjects:
    """Removes the objects of what was deleted or refused."""

    storage: Storage
    name: str = "delete-objects"

    async def read(self, numbered: NumberedFact) -> None:
        """Remove the original, and for a deleted upload whatever its attempts published."""
        fact = numbered.fact
        if fact.type is FactType.UPLOAD_REJECTED:
            await self.storage.delete(fact.key)
        elif fact.status is ProcessingStatus.DELETED:
            await self.storage.delete(fact.original_key)
            async for published in self.storage.list(published_prefix(fact.uuid)):
                await self.storage.delete(published.key)


@dataclass(frozen=True, slots=True)
class TellLive:
    """Tells whoever listens of each change of a recording."""

    live: Live
    name: str = "live"

    async def read(self, numbered: NumberedFact) -> None:
        """Publish the change under its position, by which a listener resumes."""
        fact = numbered.fact
        if fact.record_id is None:
            return
        progress = _COMPLETE if fact.status is ProcessingStatus.COMPLETED else 0
        message = LiveMessage(
            numbered.position, fact.record_id, numbered.upload_id, shown_as(fact.status), progress, fact.at
        )
        await self.live.publish(fact.user_id, message)
