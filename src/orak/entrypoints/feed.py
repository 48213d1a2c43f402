"""Who reads the feed of facts in this process."""

import os
import secrets
import socket
from collections.abc import Sequence

from orak.application.events.relay_facts import FactReader, Relay, RelayFacts
from orak.application.ports.clock import Clock
from orak.application.ports.cursors import Cursors
from orak.application.ports.facts import Facts


def names_of(relays: RelayFacts) -> list[str]:
    """Return the names of the readers."""
    return [relay.reader.name for relay in relays.relays]


def relay_to(
    readers: Sequence[FactReader | None], facts: Facts, cursors: Cursors, clock: Clock
) -> RelayFacts:
    """Return what hands facts to all *readers* that there are, in the name of this process."""
    # The number of a process alone is the same in every container.
    holder = f"{socket.gethostname()[:60]}-{os.getpid()}-{secrets.token_hex(4)}"
    return RelayFacts([Relay(facts, cursors, reader, clock, holder) for reader in readers if reader])
