from collections.abc import Sequence
from dataclasses import dataclass

from orak.application.ports.endpoints import Endpoints
from orak.application.ports.subscribers import Subscriber
from orak.domain.webhooks import Endpoint


@dataclass(frozen=True, slots=True)
class SubscriberNames:
    """Lists the subscribers of the event log, webhook endpoints included."""

    subscribers: Sequence[Subscriber]
    endpoints: Endpoints
    configured: Endpoint | None
    """The webhook endpoint that the settings name."""

    async def __call__(self) -> list[str]:
        """Return the names of their cursors.

        Raise `Unavailable` if the database cannot be reached.
        """
        webhooks = [endpoint for endpoint in await self.endpoints.all() if endpoint.enabled]
        webhooks += [] if self.configured is None else [self.configured]
        return [one.name for one in self.subscribers] + [webhook.subscriber for webhook in webhooks]
