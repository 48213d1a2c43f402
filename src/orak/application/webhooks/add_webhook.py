from collections.abc import Sequence
from dataclasses import dataclass

from orak.application.check_endpoint import check_endpoint
from orak.application.ports.clock import Clock
from orak.application.ports.endpoints import Endpoints
from orak.application.ports.event_log import EventLog
from orak.application.ports.ids import Ids
from orak.application.ports.poster import Poster
from orak.domain.actor import Actor
from orak.domain.webhooks import CONFIGURED, Endpoint, signing_secret


@dataclass(frozen=True, slots=True)
class AddWebhook:
    """Post every new event to a URL, or the events of some types.

    The URL's name must lead to public addresses only. The signing secret is shown in this answer and in no
    other.
    """

    endpoints: Endpoints
    event_log: EventLog
    poster: Poster
    ids: Ids
    clock: Clock

    async def __call__(
        self, actor: Actor, url: str | None, event_types: Sequence[str] | None = None
    ) -> Endpoint:
        """Return the webhook with its secret.

        Without *event_types* it receives events of all types.

        Raises:
            AdminRequired: the actor is not an operator.
            Rejected: the URL or an event type is invalid; it names every problem at once.
        """
        actor.check_admin()
        wanted = await check_endpoint(self.poster, url or "", event_types)
        await self.event_log.number()  # so that earlier events get positions before the webhook's cursor
        secret = signing_secret(self.ids.secret())
        new = Endpoint(CONFIGURED, url or "", secret, self.clock.now(), wanted or None)
        return await self.endpoints.add(new, await self.event_log.last())
