from dataclasses import dataclass

from orak.application.ports.endpoints import Endpoints
from orak.domain.actor import Actor
from orak.domain.webhooks import Endpoint, EndpointId


@dataclass(frozen=True, slots=True)
class GetWebhook:
    """Return one webhook."""

    endpoints: Endpoints

    async def __call__(self, actor: Actor, endpoint_id: EndpointId) -> Endpoint:
        """Return it. Raise `AdminRequired` or `EndpointNotFound`."""
        actor.check_admin()
        return await self.endpoints.get(endpoint_id)
