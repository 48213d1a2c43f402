from dataclasses import dataclass

from orak.application.ports.clock import Clock
from orak.application.ports.cursors import Cursors, SetAside
from orak.application.ports.deliveries import Deliveries
from orak.application.ports.endpoints import Endpoints
from orak.domain.actor import Actor
from orak.domain.webhooks import Delivery, DeliveryId, EndpointId


@dataclass(frozen=True, slots=True)
class ReplayWebhookDelivery:
    """Post the event of one delivery again, with the same event id."""

    endpoints: Endpoints
    deliveries: Deliveries
    cursors: Cursors
    clock: Clock

    async def __call__(self, actor: Actor, endpoint_id: EndpointId, delivery_id: DeliveryId) -> Delivery:
        """Return the delivery.

        Raise `AdminRequired`, `EndpointNotFound` or `DeliveryNotFound`.
        """
        actor.check_admin()
        endpoint = await self.endpoints.get(endpoint_id)
        delivery = await self.deliveries.get(endpoint_id, delivery_id)
        again = SetAside(delivery.position, delivery.upload_id, self.clock.now())
        await self.cursors.settle(endpoint.subscriber, (), [again])
        return delivery
