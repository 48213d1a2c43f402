from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from orak.application.check_endpoint import check_endpoint
from orak.application.ports.cursors import Cursors
from orak.application.ports.endpoints import Endpoints
from orak.application.ports.event_log import EventLog
from orak.application.ports.poster import Poster
from orak.domain.actor import Actor
from orak.domain.webhooks import Endpoint, EndpointId


class EndpointChange(msgspec.Struct, frozen=True):
    """Fields to change; None keeps the value."""

    url: str | None = None
    event_types: Sequence[str] | None = None
    """An empty sequence means events of all types."""
    enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class ChangeWebhook:
    """Change a webhook's URL or event types, or switch it off or on.

    Events that happen while it is off are not posted later, unless an operator replays them.
    """

    endpoints: Endpoints
    event_log: EventLog
    cursors: Cursors
    poster: Poster

    async def __call__(self, actor: Actor, endpoint_id: EndpointId, change: EndpointChange) -> Endpoint:
        """Return the changed webhook.

        Raises:
            AdminRequired: the actor is not an operator.
            EndpointNotFound: no webhook has this id.
            Rejected: the URL or an event type is invalid; it names every problem at once.
        """
        actor.check_admin()
        await self.endpoints.get(endpoint_id)
        wanted = await check_endpoint(self.poster, change.url, change.event_types)
        was_enabled = True

        def changed(before: Endpoint) -> Endpoint:
            nonlocal was_enabled
            was_enabled = before.enabled
            switched = change.enabled is not None and change.enabled != before.enabled
            return replace(
                before,
                url=before.url if change.url is None else change.url,
                event_types=before.event_types if change.event_types is None else wanted or None,
                enabled=before.enabled if change.enabled is None else change.enabled,
                disabled_reason=None if switched else before.disabled_reason,
            )

        after = await self.endpoints.change(endpoint_id, changed)
        if after.enabled and not was_enabled:
            await self.cursors.advance(after.subscriber, await self.event_log.last())
        return after
