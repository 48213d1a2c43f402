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


def this_process() -> str:
    """Return a name that no other process has: the number of one is the same in every container."""
    return f"{socket.gethostname()[:60]}-{os.getpid()}-{secrets.token_hex(4)}"


def relay_to(
    readers: Sequence[FactReader | None], facts: Facts, cursors: Cursors, clock: Clock
) -> RelayFacts:
    """Return what hands facts to all *readers* that there are, in the name of this process."""
    holder = this_process()
    return RelayFacts([Relay(facts, cursors, reader, clock, holder) for reader in readers if reader])
