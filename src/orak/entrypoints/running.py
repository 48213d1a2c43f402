"""A running orak: everything the settings ask for, opened, started, and closed again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from orak.adapters.auth.none import NoTokens
from orak.adapters.measurements.shared import SharedMeasurements
from orak.application.clock_skew import ClockSkew
from orak.application.ports.clock import Clock
from orak.application.ports.failures import Unavailable
from orak.application.ports.measurements import Measurements
from orak.application.ports.object_server import ObjectServer
from orak.application.ports.public_media import PublicMedia
from orak.application.ports.tokens import Tokens
from orak.application.use_cases import UseCases, build_use_cases
from orak.application.waits import Waits
from orak.entrypoints.container import Container
from orak.entrypoints.opening import made, opened
from orak.entrypoints.readiness import Probe, Readiness, clock_probe, disk_probe, redis_probe, storage_probe
from orak.entrypoints.settings.policies import policies_of
from orak.entrypoints.settings.share import WHOLE, Share
from orak.entrypoints.settings.sources import LoadedSettings
from orak.entrypoints.settings.values import Settings
from orak.entrypoints.shared_calls import SharedCalls
from orak.entrypoints.telemetry.recorders import NO_TELEMETRY, Telemetry
from orak.entrypoints.worker.background import start_background


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What an entrypoint needs of a running orak."""

    use_cases: UseCases
    tokens: Tokens
    object_server: ObjectServer | None
    """None if the store answers signed URLs itself."""
    media: PublicMedia
    clock: Clock
    settings: Settings
    readiness: Readiness
    clock_skew: ClockSkew
    finish_conversions: Callable[[], Awaitable[None]]
    """Claims no more waiting uploads; returns when the background conversions have ended."""
    end_conversion_waits: Callable[[], None]
    measurements: Measurements
    counted: SharedMeasurements
    """The sums of what this process, and those that share its tables, have measured."""
    waits: Waits
    readings: SharedCalls = field(default_factory=lambda: SharedCalls(Unavailable, OSError))
    """What a request for metrics reads. A database or a disk that hangs is not asked again."""
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    """Set between SIGTERM and the shutdown: the process is not ready, and still serves."""

    async def drain(self) -> None:
        """Report not ready and claim no more waiting uploads; return when background conversions have ended.

        Calls are served as before, so that a load balancer has time to send them elsewhere.
        """
        self.draining.set()
        await self.finish_conversions()

    def end_waits(self) -> None:
        """Answer at once every call that waits for something. Call this when shutdown begins."""
        self.waits.end()
        self.end_conversion_waits()


@asynccontextmanager
async def run(
    settings: Settings,
    *,
    serves: bool = True,
    share: Share = WHOLE,
    counted: SharedMeasurements | None = None,
    telemetry: Telemetry = NO_TELEMETRY,
) -> AsyncIterator[Running]:
    """Open and start what *settings* ask for; close it in reverse order when the block ends.

    A process that *serves* converts in the background too, unless REDIS_URL says that workers do. It runs its
    *share* of the conversions that the settings allow on this machine, and counts in the table *counted*; by
    default, in one of its own. SQLite is migrated first, and PostgreSQL if `db_auto_upgrade` is set. While
    PostgreSQL does not answer, calls raise `Unavailable`. *telemetry* records what the process does.

    Raises:
        InvalidSetting: an adapter cannot work with its settings.
    """
    background = not serves or settings.redis_url is None
    counted = counted or SharedMeasurements()
    telemetry.counts_from(counted)
    container = Container(
        settings=settings,
        cores=share.at_least_one_of(settings.cores),
        slots=share.of(settings.slots),
        # At least one: without workers, its own wake-ups would wait for a timer of another process.
        workers=share.at_least_one_of(settings.workers) if background else 0,
        wakes="inline" if settings.redis_url is None else "shared" if background else "redis",
        patient=True,
        counted=counted,
        measurements=counted,
        traces=telemetry.traces,
    )
    # In this order: jobs end before what they need closes.
    parts = (
        container.persistence,
        *((container.following,) if settings.database_kind == "postgresql" else ()),
        container.storage,
        container.workspaces,
        container.converter,
        container.redis,
        container.live,
        *((container.taskiq,) if settings.redis_url is not None else ()),
        container.poster,
        container.event_bus,
        container.cdn_cache,
        # No call signs such a URL yet, but a key that cannot sign is an error now and not only then.
        *((container.private_urls,) if serves and settings.cloudfront_key_id is not None else ()),
    )
    async with opened(*parts) as closing:
        ports = await made(container.ports)
        use_cases = build_use_cases(ports, policies_of(settings, share))
        await start_background(container, use_cases, closing, serves=serves, background=background)
        storage, slots = await made(container.storage), await made(container.starter)
        clock_skew = await _clock_skew(container)
        readiness = Readiness(await _probes(container, clock_skew))
        closing.append(readiness.close)
        orak = Running(
            use_cases=use_cases,
            tokens=await made(container.tokens) if serves else NoTokens(),
            object_server=None if settings.storage_kind == "s3" else storage,
            media=storage,
            clock=ports.clock,
            settings=settings,
            readiness=readiness,
            clock_skew=clock_skew,
            waits=ports.waits,
            finish_conversions=container.pool().finish,
            end_conversion_waits=slots.end_waits,
            measurements=ports.measurements,
            counted=container.counted(),
        )
        closing.append(orak.readings.close)
        yield orak


async def _clock_skew(container: Container) -> ClockSkew:
    settings, remote = container.settings(), {}
    if settings.database_kind == "postgresql":
        remote["database"] = (await made(container.persistence)).now
    if settings.storage_kind == "s3":
        remote["storage"] = (await made(container.storage)).now
    return ClockSkew(container.system(), remote)


async def _probes(container: Container, clock_skew: ClockSkew) -> dict[str, Probe]:
    settings = container.settings()
    workspaces, redis = await made(container.workspaces), await made(container.redis)
    probes = {
        "database": (await made(container.persistence)).check_writable,
        "storage": storage_probe(await made(container.storage)),
        "disk": disk_probe(
            workspaces.check,
            holds_data=settings.storage_kind == "local" or settings.database_kind == "sqlite",
        ),
    }
    if redis is not None:
        probes["redis"] = redis_probe(redis)
    if clock_skew.remote:
        clock = await made(container.clock)
        probes["clock"] = clock_probe(clock, clock_skew)
    return probes


@asynccontextmanager
async def running(settings: Settings | None = None) -> AsyncIterator[UseCases]:
    """Run orak in this process until the block ends, with background conversions and sweeps.

    Without *settings*, those of the environment and `.env` apply. Conversions that run at the end are given
    back; the next start converts them.
    """
    async with run(settings or LoadedSettings.load().settings) as orak:
        yield orak.use_cases


@asynccontextmanager
async def open_parts(settings: Settings, *names: str) -> AsyncIterator[Container]:
    """Open only the parts with these names, for a command; nothing is converted.

    Raises:
        InvalidSetting: a part cannot work with its settings.
        Unavailable: the database does not answer.
    """
    container = Container(settings=settings)
    parts = [container.providers[name] for name in names]
    if "persistence" in names and settings.database_kind == "postgresql":
        parts.append(container.following)
    async with opened(*parts):
        yield container
