from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from orak.domain.webhooks import Delivery, DeliveryId, EndpointId


class Deliveries(Protocol):
    """The delivery logs of webhook endpoints. Every method may raise `Unavailable`."""

    async def note(self, deliveries: Sequence[Delivery]) -> None:
        """Add deliveries to the logs; those of removed endpoints are left out."""
        ...

    async def page(self, endpoint_id: EndpointId, before: DeliveryId | None, limit: int) -> list[Delivery]:
        """Return an endpoint's deliveries, newest first.

        With *before*, return only those before that delivery.
        """
        ...

    async def get(self, endpoint_id: EndpointId, delivery_id: DeliveryId) -> Delivery:
        """Return one delivery. Raise `DeliveryNotFound`."""
        ...

    async def forget(self, before: datetime) -> None:
        """Remove the deliveries that are older than *before*."""
        ...
