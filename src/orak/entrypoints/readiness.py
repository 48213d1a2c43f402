"""Whether the parts that a running orak needs work now."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from orak.application.clock_skew import ClockSkew
from orak.application.ports.clock import Clock
from orak.application.ports.failures import Unavailable
from orak.application.ports.storage import Storage
from orak.domain.identity import ObjectKey
from orak.entrypoints.shared_calls import SharedCalls

if TYPE_CHECKING:
    from orak.adapters.redis.link import RedisLink

PROBE_SECONDS = 3.0
"""Seconds that a part has to answer. All parts are probed at once."""

SKEW_SECONDS = 30.0
"""Seconds by which the machine's clock may differ from others; the alarm `clock-skew` has the same limit."""

UNUSABLE_SKEW_SECONDS = 300.0
"""Seconds by which the time of tokens and signed URLs may differ from that of the store.

Kerberos has the same limit (RFC 4120 §8.2). AWS refuses requests from 15 minutes on.
"""

Probe = Callable[[], Awaitable[None]]
"""Raises `Unavailable` if orak cannot serve without the part, `Impaired` if it can."""


class Impaired(Exception):
    """A part does not work as it should, and orak serves without it."""


class Health(msgspec.Struct, frozen=True):
    """The parts that do not work, by name."""

    failing: list[str]
    """Without these, orak cannot serve."""
    degraded: list[str]


class Readiness:
    """Probes each part, at most once at a time: a probe that hangs is not started again."""

    def __init__(self, probes: Mapping[str, Probe], *, limit: float = PROBE_SECONDS) -> None:
        self._probes = probes
        self._limit = limit
        self._calls = SharedCalls(Unavailable, Impaired)

    @property
    def parts(self) -> Sequence[str]:
        """The names of the parts."""
        return tuple(self._probes)

    async def __call__(self) -> Health:
        """Probe the parts.

        A part fails whose probe does not end within the limit, or ends with an exception that is not
        `Impaired`.
        """
        found = await asyncio.gather(
            *(self._calls(name, probe, self._limit) for name, probe in self._probes.items())
        )
        problems = {
            name: problem
            for name, problem in zip(self._probes, found, strict=True)
            if isinstance(problem, Exception)
        }
        return Health(
            [name for name, problem in problems.items() if not isinstance(problem, Impaired)],
            [name for name, problem in problems.items() if isinstance(problem, Impaired)],
        )

    async def close(self) -> None:
        """Cancel the probes that still run."""
        await self._calls.close()


def storage_probe(storage: Storage) -> Probe:
    """Ask the store for an object."""

    async def probe() -> None:
        await storage.head(ObjectKey("published/readiness"))

    return probe


def redis_probe(redis: "RedisLink") -> Probe:
    """Ping Redis.

    A Redis that never answered is probably a wrong REDIS_URL. One that went away makes orak slower; taking
    every server out of service for it would turn that into an outage.
    """

    async def probe() -> None:
        worked_before = redis.has_answered
        if not await redis.answers():
            raise Impaired if worked_before else Unavailable

    return probe


def disk_probe(check: Callable[[], None], *, holds_data: bool) -> Probe:
    """Write a file in the data folder.

    If the folder *holds data* (objects or the database), a full disk refuses every upload. Else it only keeps
    this process from converting, which others then do.
    """

    async def probe() -> None:
        try:
            # Not `on_disk`, which a disk that hangs would keep waiting at shutdown.
            await asyncio.to_thread(check)
        except Unavailable as full:
            if holds_data:
                raise
            raise Impaired from full

    return probe


def clock_probe(clock: Clock, clock_skew: ClockSkew) -> Probe:
    """Compare the clocks that answer; other probes name the parts that do not.

    *clock* decides when tokens and signed URLs end. On PostgreSQL it follows the database, so a wrong clock
    of the machine harms only what the machine logs and signs itself.
    """

    async def probe() -> None:
        skews = await clock_skew()
        if "storage" in skews:
            of_tokens = (clock.now() - clock_skew.machine.now()).total_seconds()
            if abs(skews["storage"] + of_tokens) >= UNUSABLE_SKEW_SECONDS:
                raise Unavailable("the clock is wrong")
        if any(abs(seconds) >= SKEW_SECONDS for seconds in skews.values()):
            raise Impaired

    return probe
