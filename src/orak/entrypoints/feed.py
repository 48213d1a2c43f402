"""Who reads the feed of events in this process."""

import os
import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from orak.application.events.relay_events import RelayEvents
from orak.application.outbox_relay import OutboxRelay
from orak.application.ports.clock import Clock
from orak.application.ports.cursors import Cursors
from orak.application.ports.endpoints import Endpoints
from orak.application.ports.event_log import EventLog
from orak.application.ports.subscribers import Subscriber
from orak.domain.webhooks import Endpoint


@dataclass(frozen=True, slots=True)
class SubscriberNames:
    """Tells who reads the feed: the relays of every process, and the webhooks that there are now."""

    relays: RelayEvents
    endpoints: Endpoints
    configured: Endpoint | None

    async def __call__(self) -> list[str]:
        """Raise `Unavailable` if the database cannot be reached."""
        hooks = [endpoint for endpoint in await self.endpoints.all() if endpoint.enabled]
        hooks += [] if self.configured is None else [self.configured]
        return [relay.subscriber.name for relay in self.relays.relays] + [hook.subscriber for hook in hooks]


def this_process() -> str:
    """Return a name that no other process has: the number of one is the same in every container."""
    return f"{socket.gethostname()[:60]}-{os.getpid()}-{secrets.token_hex(4)}"


def relay_to(
    subscribers: Sequence[Subscriber | None], event_log: EventLog, cursors: Cursors, clock: Clock
) -> RelayEvents:
    """Return what hands events to all *readers* that there are, in the name of this process."""
    holder = this_process()
    return RelayEvents(
        [
            OutboxRelay(event_log, cursors, subscriber, clock, holder)
            for subscriber in subscribers
            if subscriber
        ]
    )
