"""Who reads the feed of facts in this process."""

import os
import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from orak.application.events.relay_facts import FactReader, Relay, RelayFacts
from orak.application.ports.clock import Clock
from orak.application.ports.cursors import Cursors
from orak.application.ports.facts import Facts
from orak.application.ports.webhooks import Endpoints
from orak.domain.webhooks import Endpoint


@dataclass(frozen=True, slots=True)
class ReaderNames:
    """Tells who reads the feed: the relays of every process, and the webhooks that there are now."""

    relays: RelayFacts
    endpoints: Endpoints
    configured: Endpoint | None

    async def __call__(self) -> list[str]:
        """Raise `Unavailable` if the database cannot be reached."""
        hooks = [endpoint for endpoint in await self.endpoints.all() if endpoint.enabled]
        hooks += [] if self.configured is None else [self.configured]
        return [relay.reader.name for relay in self.relays.relays] + [hook.reader for hook in hooks]


def this_process() -> str:
    """Return a name that no other process has: the number of one is the same in every container."""
    return f"{socket.gethostname()[:60]}-{os.getpid()}-{secrets.token_hex(4)}"


def relay_to(
    readers: Sequence[FactReader | None], facts: Facts, cursors: Cursors, clock: Clock
) -> RelayFacts:
    """Return what hands facts to all *readers* that there are, in the name of this process."""
    holder = this_process()
    return RelayFacts([Relay(facts, cursors, reader, clock, holder) for reader in readers if reader])
