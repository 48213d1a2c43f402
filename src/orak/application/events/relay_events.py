import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from orak.application.outbox_relay import OutboxRelay


@dataclass(frozen=True, slots=True)
class RelayEvents:
    """Pass every event to every subscriber, each at its own pace.

    A subscriber that fails delays no other.
    """

    relays: Sequence[OutboxRelay]

    async def begin(self) -> None:
        """Create each subscriber's cursor.

        The subscriber misses no later event, even if the relay first runs after it.
        """
        for relay in self.relays:
            await relay.begin()

    async def __call__(self) -> int:
        """Let every subscriber read on; return how many events were acted on."""
        return sum(await asyncio.gather(*(relay() for relay in self.relays)))
