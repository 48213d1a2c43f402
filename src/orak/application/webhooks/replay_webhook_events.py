from dataclasses import dataclass

from orak.application.ports.clock import Clock
from orak.application.ports.cursors import Cursors, SetAside
from orak.application.ports.endpoints import Endpoints
from orak.application.ports.event_log import EventLog
from orak.domain.actor import Actor
from orak.domain.webhooks import EndpointId

_PAGE = 500


@dataclass(frozen=True, slots=True)
class ReplayWebhookEvents:
    """Post again the events that a webhook received after a feed position."""

    endpoints: Endpoints
    event_log: EventLog
    cursors: Cursors
    clock: Clock

    async def __call__(self, actor: Actor, endpoint_id: EndpointId, after: int) -> int:
        """Return how many events will be posted.

        Raise `AdminRequired` or `EndpointNotFound`.
        """
        actor.check_admin()
        endpoint = await self.endpoints.get(endpoint_id)
        now = self.clock.now()
        [lag] = await self.cursors.lags([endpoint.subscriber], now)
        cursor = await self.event_log.last() - lag.behind
        replayed = 0
        while page := await self.event_log.after(after, _PAGE):
            received = [logged for logged in page if logged.position <= cursor]
            again = [SetAside(logged.position, logged.upload_id, now) for logged in received]
            await self.cursors.settle(endpoint.subscriber, (), again)
            replayed += len(again)
            if len(received) < len(page):
                break
            after = page[-1].position
        return replayed
