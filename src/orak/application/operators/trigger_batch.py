from dataclasses import dataclass

from orak.application.ports.batch_settings import BatchSettings
from orak.domain.actor import Actor


@dataclass(frozen=True, slots=True)
class TriggerBatch:
    """Begin a batch in every process that converts in the background, within a second.

    The next one follows an interval later.
    """

    batch_settings: BatchSettings

    async def __call__(self, actor: Actor) -> None:
        """Trigger a batch. Raise `AdminRequired`."""
        actor.check_admin()
        await self.batch_settings.trigger()
