from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from orak.domain.webhooks import Delivery, DeliveryId, Endpoint, EndpointId


class Endpoints(Protocol):
    """The webhooks that operators made. Every method may raise `Unavailable`."""

    async def all(self) -> list[Endpoint]:
        """Return them, the oldest first."""
        ...

    async def get(self, endpoint_id: EndpointId) -> Endpoint:
        """Raise `EndpointNotFound`."""
        ...

    async def add(self, endpoint: Endpoint, begin: int) -> Endpoint:
        """Store a new one with its place in the feed, behind *begin*; return it with its id."""
        ...

    async def change(self, endpoint_id: EndpointId, change: Callable[[Endpoint], Endpoint]) -> Endpoint:
        """Store what *change* makes of it as it is now, and return that. Raise `EndpointNotFound`.

        Two changes at once come one after the other; *change* must be quick, and may be called again.
        """
        ...

    async def remove(self, endpoint_id: EndpointId) -> None:
        """Remove it with its log and its place in the feed. Raise `EndpointNotFound`."""
        ...


class Deliveries(Protocol):
    """The logs of webhooks. Every method may raise `Unavailable`."""

    async def note(self, deliveries: Sequence[Delivery]) -> None:
        """Add attempts to the logs; those of an endpoint that was removed are left out."""
        ...

    async def page(self, endpoint_id: EndpointId, before: DeliveryId | None, limit: int) -> list[Delivery]:
        """Return an endpoint's attempts, the newest first, *before* one of them."""
        ...

    async def get(self, endpoint_id: EndpointId, delivery_id: DeliveryId) -> Delivery:
        """Raise `DeliveryNotFound`."""
        ...

    async def forget(self, before: datetime) -> None:
        """Remove what is older."""
        ...


class ForbiddenAddress(Exception):
    """The URL leads to an address that is not public."""


class Posted(msgspec.Struct, frozen=True):
    """What came of a request."""

    status_code: int | None
    """None if there was no answer."""
    said: str
    """The beginning of the answer, or why there was none."""


class Poster(Protocol):
    """Sends requests to the world outside."""

    async def check(self, url: str) -> None:
        """Raise `ForbiddenAddress` for a URL that may not be posted to, or whose name is unknown."""
        ...

    async def post(self, url: str, headers: dict[str, str], body: bytes) -> Posted:
        """Post *body*; whatever goes wrong is an answer too. Redirects are not followed."""
        ...
