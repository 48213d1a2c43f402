from dataclasses import dataclass

from orak.application.ports.endpoints import Endpoints
from orak.domain.actor import Actor
from orak.domain.webhooks import EndpointId


@dataclass(frozen=True, slots=True)
class RemoveWebhook:
    """Remove a webhook and its delivery log; it receives no further events."""

    endpoints: Endpoints

    async def __call__(self, actor: Actor, endpoint_id: EndpointId) -> None:
        """Remove it. Raise `AdminRequired` or `EndpointNotFound`."""
        actor.check_admin()
        await self.endpoints.remove(endpoint_id)
