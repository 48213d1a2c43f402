from dataclasses import dataclass

from msgspec.structs import replace

from orak.application.ports.clock import Clock
from orak.application.ports.endpoints import Endpoints
from orak.application.ports.ids import Ids
from orak.domain.actor import Actor
from orak.domain.webhooks import Endpoint, EndpointId, signing_secret


@dataclass(frozen=True, slots=True)
class RotateWebhookSecret:
    """Give a webhook a new signing secret.

    The previous one signs beside it for 24 hours.
    """

    endpoints: Endpoints
    ids: Ids
    clock: Clock

    async def __call__(self, actor: Actor, endpoint_id: EndpointId) -> Endpoint:
        """Return the webhook with its new secret.

        Raise `AdminRequired` or `EndpointNotFound`.
        """
        actor.check_admin()
        secret, now = signing_secret(self.ids.secret()), self.clock.now()
        return await self.endpoints.change(
            endpoint_id,
            lambda before: replace(before, secret=secret, previous_secret=before.secret, rotated_at=now),
        )
