from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from orak.application.ports.deliveries import Deliveries
from orak.application.ports.endpoints import Endpoints
from orak.domain.actor import Actor
from orak.domain.webhooks import Delivery, DeliveryId, EndpointId


class DeliveryPage(msgspec.Struct, frozen=True):
    """One page of a delivery log."""

    deliveries: Sequence[Delivery]
    next: DeliveryId | None
    """The `before` of the next page; None at the end."""


@dataclass(frozen=True, slots=True)
class ListWebhookDeliveries:
    """List a webhook's deliveries, newest first; they are kept for 30 days."""

    endpoints: Endpoints
    deliveries: Deliveries

    async def __call__(
        self, actor: Actor, endpoint_id: EndpointId, before: DeliveryId | None, limit: int
    ) -> DeliveryPage:
        """Return one page. Raise `AdminRequired` or `EndpointNotFound`."""
        actor.check_admin()
        await self.endpoints.get(endpoint_id)
        found = await self.deliveries.page(endpoint_id, before, limit + 1)
        page = found[:limit]
        return DeliveryPage(page, page[-1].id if len(found) > limit else None)
