from collections.abc import Callable
from typing import Protocol

from orak.domain.webhooks import Endpoint, EndpointId


class Endpoints(Protocol):
    """The webhook endpoints that operators made. Every method may raise `Unavailable`."""

    async def all(self) -> list[Endpoint]:
        """Return the endpoints, oldest first."""
        ...

    async def get(self, endpoint_id: EndpointId) -> Endpoint:
        """Return one endpoint. Raise `EndpointNotFound`."""
        ...

    async def add(self, endpoint: Endpoint, begin: int) -> Endpoint:
        """Store a new endpoint; return it with its id.

        Its cursor begins at the feed position *begin*.
        """
        ...

    async def change(self, endpoint_id: EndpointId, change: Callable[[Endpoint], Endpoint]) -> Endpoint:
        """Apply *change* to the stored endpoint and return the result.

        Raise `EndpointNotFound`.

        Concurrent changes run one after the other. *change* must be quick, and may be called again.
        """
        ...

    async def remove(self, endpoint_id: EndpointId) -> None:
        """Remove the endpoint, its delivery log and its cursor. Raise `EndpointNotFound`."""
        ...
