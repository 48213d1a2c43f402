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
    """The port `Deliveries` in memory."""

    def __init__(self) -> None:
        self._log: list[Delivery] = []
        self._known = {CONFIGURED}
        self._ids = count(1)

    async def note(self, deliveries: Sequence[Delivery]) -> None:
        self._log += [
            replace(delivery, id=DeliveryId(next(self._ids)))
            for delivery in deliveries
            if delivery.endpoint_id in self._known
        ]

    async def page(self, endpoint_id: EndpointId, before: DeliveryId | None, limit: int) -> list[Delivery]:
        own = (
            delivery
            for delivery in reversed(self._log)
            if delivery.endpoint_id == endpoint_id and (before is None or delivery.id < before)
        )
        return list(islice(own, limit))

    async def get(self, endpoint_id: EndpointId, delivery_id: DeliveryId) -> Delivery:
        for delivery in self._log:
            if (delivery.endpoint_id, delivery.id) == (endpoint_id, delivery_id):
                return delivery
        raise DeliveryNotFound(delivery_id)

    async def forget(self, before: datetime) -> None:
        self._log = [delivery for delivery in self._log if delivery.at >= before]

    def begin(self, endpoint_id: EndpointId) -> None:
        """Accept deliveries of a new endpoint."""
        self._known.add(endpoint_id)

    def remove(self, endpoint_id: EndpointId) -> None:
        """Drop the deliveries of an endpoint, and ignore later ones."""
        self._known.discard(endpoint_id)
        self._log = [delivery for delivery in self._log if delivery.endpoint_id != endpoint_id]


class MemoryEndpoints:
    """The port `Endpoints` in memory."""

    def __init__(self, log: StoredEvents, deliveries: MemoryDeliveries) -> None:
        self._log = log
        self._deliveries = deliveries
        self._endpoints: dict[EndpointId, Endpoint] = {}
        self._ids = count(1)

    async def all(self) -> list[Endpoint]:
        return list(self._endpoints.values())

    async def get(self, endpoint_id: EndpointId) -> Endpoint:
        if endpoint_id not in self._endpoints:
            raise EndpointNotFound(endpoint_id)
        return self._endpoints[endpoint_id]

    async def add(self, endpoint: Endpoint, begin: int) -> Endpoint:
        endpoint = replace(endpoint, id=EndpointId(next(self._ids)))
        self._endpoints[endpoint.id] = endpoint
        self._deliveries.begin(endpoint.id)
        self._log.cursors.setdefault(endpoint.subscriber, begin)
        return endpoint

    async def change(self, endpoint_id: EndpointId, change: Callable[[Endpoint], Endpoint]) -> Endpoint:
        self._endpoints[endpoint_id] = change(await self.get(endpoint_id))
        return self._endpoints[endpoint_id]

    async def remove(self, endpoint_id: EndpointId) -> None:
        subscriber = (await self.get(endpoint_id)).subscriber
        del self._endpoints[endpoint_id]
        self._deliveries.remove(endpoint_id)
        self._log.cursors.pop(subscriber, None)
        self._log.holds.pop(subscriber, None)
        self._log.deferred = {key: one for key, one in self._log.deferred.items() if key[0] != subscriber}
