from dataclasses import dataclass

from orak.application.ports.live import Live, LiveMessage
from orak.domain.events import NumberedFact
from orak.domain.processing import ProcessingStatus, shown_as

_COMPLETE = 100


def message_of(numbered: NumberedFact) -> LiveMessage | None:
    """Return what the owner is told of a fact; None if it is about no Record yet."""
    fact = numbered.fact
    if fact.record_id is None:
        return None
    deleted = fact.status is ProcessingStatus.DELETED
    return LiveMessage(
        numbered.position,
        fact.record_id,
        numbered.upload_id,
        ProcessingStatus.FAILED if deleted else shown_as(fact.status),
        _COMPLETE if fact.status is ProcessingStatus.COMPLETED else 0,
        fact.at,
        deleted,
    )


@dataclass(frozen=True, slots=True)
class TellLive:
    """Tells whoever listens of each change of a recording."""

    live: Live

    async def hear(self, numbered: NumberedFact) -> None:
        """Publish the change under its position, by which a listener resumes."""
        if message := message_of(numbered):
            await self.live.publish(numbered.fact.user_id, message)
