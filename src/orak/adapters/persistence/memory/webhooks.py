from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import count, islice

from msgspec.structs import replace

from orak.adapters.persistence.memory.store import StoredEvents
from orak.domain.webhooks import (
    CONFIGURED,
    Delivery,
    DeliveryId,
    DeliveryNotFound,
    Endpoint,
    EndpointId,
    EndpointNotFound,
)


class MemoryDeliveries:
    """The logs of webhooks."""

    def __init__(self) -> None:
        self._log: list[Delivery] = []
        self._known = {CONFIGURED}
        self._ids = count(1)

    async def note(self, deliveries: Sequence[Delivery]) -> None:
        """Add attempts to the logs; those of an endpoint that was removed are left out."""
        self._log += [
            replace(delivery, id=DeliveryId(next(self._ids)))
            for delivery in deliveries
            if delivery.endpoint_id in self._known
        ]

    async def page(self, endpoint_id: EndpointId, before: DeliveryId | None, limit: int) -> list[Delivery]:
        """Return an endpoint's attempts, the newest first, *before* one of them."""
        own = (
            delivery
            for delivery in reversed(self._log)
            if delivery.endpoint_id == endpoint_id and (before is None or delivery.id < before)
        )
        return list(islice(own, limit))

    async def get(self, endpoint_id: EndpointId, delivery_id: DeliveryId) -> Delivery:
        """Raise `DeliveryNotFound`."""
        for delivery in self._log:
            if (delivery.endpoint_id, delivery.id) == (endpoint_id, delivery_id):
                return delivery
        raise DeliveryNotFound(delivery_id)

    async def forget(self, before: datetime) -> None:
        """Remove what is older."""
        self._log = [delivery for delivery in self._log if delivery.at >= before]

    def begin(self, endpoint_id: EndpointId) -> None:
        """Begin an endpoint's log."""
        self._known.add(endpoint_id)

    def remove(self, endpoint_id: EndpointId) -> None:
        """Remove an endpoint's log."""
        self._known.discard(endpoint_id)
        self._log = [delivery for delivery in self._log if delivery.endpoint_id != endpoint_id]


class MemoryEndpoints:
    """The webhooks that operators made."""

    def __init__(self, log: StoredEvents, deliveries: MemoryDeliveries) -> None:
        self._log = log
        self._deliveries = deliveries
        self._endpoints: dict[EndpointId, Endpoint] = {}
        self._ids = count(1)

    async def all(self) -> list[Endpoint]:
        """Return them, the oldest first."""
        return list(self._endpoints.values())

    async def get(self, endpoint_id: EndpointId) -> Endpoint:
        """Raise `EndpointNotFound`."""
        if endpoint_id not in self._endpoints:
            raise EndpointNotFound(endpoint_id)
        return self._endpoints[endpoint_id]

    async def add(self, endpoint: Endpoint, begin: int) -> Endpoint:
        """Store a new one with its place in the feed, behind *begin*; return it with its id."""
        endpoint = replace(endpoint, id=EndpointId(next(self._ids)))
        self._endpoints[endpoint.id] = endpoint
        self._deliveries.begin(endpoint.id)
        self._log.cursors[endpoint.subscriber] = begin
        return endpoint

    async def change(self, endpoint_id: EndpointId, change: Callable[[Endpoint], Endpoint]) -> Endpoint:
        """Store what *change* makes of it as it is now, and return that. Raise `EndpointNotFound`."""
        self._endpoints[endpoint_id] = change(await self.get(endpoint_id))
        return self._endpoints[endpoint_id]

    async def remove(self, endpoint_id: EndpointId) -> None:
        """Remove it with its log and its place in the feed. Raise `EndpointNotFound`."""
        subscriber = (await self.get(endpoint_id)).subscriber
        del self._endpoints[endpoint_id]
        self._deliveries.remove(endpoint_id)
        self._log.cursors.pop(subscriber, None)
        self._log.holds.pop(subscriber, None)
        self._log.deferred = {key: one for key, one in self._log.deferred.items() if key[0] != subscriber}
