"""What an entrypoint is handed of an orak that runs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orak.application.collect_metrics import CollectMetrics
from orak.application.ports.clock import Clock
from orak.application.ports.failures import Unavailable
from orak.application.ports.leases import Leases
from orak.application.ports.object_server import ObjectServer
from orak.application.ports.public_media import PublicMedia
from orak.application.ports.storage import Storage
from orak.application.ports.tokens import Tokens
from orak.application.use_cases import UseCases
from orak.application.waits import Waits
from orak.domain.identity import ObjectKey
from orak.entrypoints.settings.values import Settings

if TYPE_CHECKING:
    from orak.adapters.redis.link import RedisLink


@dataclass(frozen=True, slots=True)
class Running:
    """What an entrypoint needs of a running orak."""

    use_cases: UseCases
    tokens: Tokens
    gate: ObjectServer | None
    """None where the store has an HTTP side of its own."""
    media: PublicMedia
    clock: Clock
    settings: Settings
    leases: Leases
    storage: Storage
    collect_metrics: CollectMetrics
    waits: Waits
    end_conversion_waits: Callable[[], None]
    redis: "RedisLink | None" = None
    """None where everything is in one process."""

    def end_waits(self) -> None:
        """To be called when shutdown begins: calls that wait for anything are answered at once."""
        self.waits.end()
        self.end_conversion_waits()

    async def failing_parts(self) -> list[str]:
        """Return the names of the parts that do not answer: none, if orak is ready."""
        probes = {
            "database": self.leases.next_start(),
            "storage": self.storage.head(ObjectKey("published/readiness")),
        }
        failing = []
        for part, probe in probes.items():
            try:
                await probe
            except Unavailable:
                failing.append(part)
        # A Redis that never answered is likely a wrong REDIS_URL; one that went away only makes orak slower,
        # and taking every server out of service for it would make it an outage.
        if self.redis is not None and not self.redis.has_answered and not await self.redis.answers():
            failing.append("redis")
        return failing

    async def degraded_parts(self) -> list[str]:
        """Return the names of the parts that do not answer, and without which orak is only slower."""
        return [] if self.redis is None or await self.redis.answers() else ["redis"]
