from dataclasses import dataclass

from orak.application.ports.endpoints import Endpoints
from orak.domain.actor import Actor
from orak.domain.webhooks import Endpoint


@dataclass(frozen=True, slots=True)
class ListWebhooks:
    """List the webhooks that operators added, oldest first."""

    endpoints: Endpoints

    async def __call__(self, actor: Actor) -> list[Endpoint]:
        """Return all of them. Raise `AdminRequired`."""
        actor.check_admin()
        return await self.endpoints.all()
