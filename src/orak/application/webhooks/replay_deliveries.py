"""The log of a webhook, and sending again what is in it."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from orak.application.ports.clock import Clock
from orak.application.ports.cursors import Cursors, SetAside
from orak.application.ports.event_log import EventLog
from orak.application.ports.webhooks import Deliveries, Endpoints
from orak.domain.actor import Actor
from orak.domain.webhooks import Delivery, DeliveryId, EndpointId

_AT_ONCE = 500


class DeliveryPage(msgspec.Struct, frozen=True):
    """A page of a log."""

    deliveries: Sequence[Delivery]
    next: DeliveryId | None
    """What to ask for the page before of; None if there is none."""


@dataclass(frozen=True, slots=True)
class ListWebhookDeliveries:
    """Return what was tried for a webhook, the newest first; it is kept for 30 days."""

    endpoints: Endpoints
    deliveries: Deliveries

    async def __call__(
        self, actor: Actor, endpoint_id: EndpointId, before: DeliveryId | None, limit: int
    ) -> DeliveryPage:
        """Raise `AdminRequired` or `EndpointNotFound`."""
        actor.check_admin()
        await self.endpoints.get(endpoint_id)
        found = await self.deliveries.page(endpoint_id, before, limit + 1)
        page = found[:limit]
        return DeliveryPage(page, page[-1].id if len(found) > limit else None)


@dataclass(frozen=True, slots=True)
class ReplayWebhookDelivery:
    """Send an event of the log again, under the id that it had."""

    endpoints: Endpoints
    deliveries: Deliveries
    cursors: Cursors
    clock: Clock

    async def __call__(self, actor: Actor, endpoint_id: EndpointId, delivery_id: DeliveryId) -> Delivery:
        """Raise `AdminRequired`, `EndpointNotFound` or `DeliveryNotFound`."""
        actor.check_admin()
        endpoint = await self.endpoints.get(endpoint_id)
        delivery = await self.deliveries.get(endpoint_id, delivery_id)
        again = SetAside(delivery.position, delivery.upload_id, self.clock.now())
        await self.cursors.settle(endpoint.subscriber, (), [again])
        return delivery


@dataclass(frozen=True, slots=True)
class ReplayWebhookEvents:
    """Send a webhook every event after a position again, as far as it was told already."""

    endpoints: Endpoints
    event_log: EventLog
    cursors: Cursors
    clock: Clock

    async def __call__(self, actor: Actor, endpoint_id: EndpointId, after: int) -> int:
        """Return how many will be sent. Raise `AdminRequired` or `EndpointNotFound`."""
        actor.check_admin()
        endpoint = await self.endpoints.get(endpoint_id)
        now = self.clock.now()
        end = await self.event_log.last() - (await self.cursors.lag(endpoint.subscriber, now)).behind
        replayed = 0
        while page := await self.event_log.after(after, _AT_ONCE):
            told = [logged for logged in page if logged.position <= end]
            again = [SetAside(logged.position, logged.upload_id, now) for logged in told]
            await self.cursors.settle(endpoint.subscriber, (), again)
            replayed += len(again)
            if len(told) < len(page):
                break
            after = page[-1].position
        return replayed
