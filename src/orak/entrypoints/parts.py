"""How each part of orak is opened, as the settings choose it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from orak.adapters.audio.child_converter import ChildConverter
from orak.adapters.auth.jwt import JwtTokens
from orak.adapters.auth.none import NoTokens
from orak.adapters.clock.following import FollowingClock
from orak.adapters.clock.system import SystemClock
from orak.adapters.persistence import Persistence
from orak.adapters.persistence.sql.database import SqlPersistence
from orak.adapters.persistence.sql.schema import schema_prepared
from orak.adapters.queues.inline import InlineQueue
from orak.adapters.queues.slots import Slots
from orak.adapters.storage.local import LocalStorage
from orak.adapters.workspaces.disk import Workspaces
from orak.application.batch_size import BatchSize
from orak.application.events.follow_events import FollowEvents
from orak.application.events.prune_events import PruneEvents
from orak.application.events.relay_events import RelayEvents
from orak.application.operators.get_statistics import BatchRules
from orak.application.ports.batch_settings import BatchSettings
from orak.application.ports.clock import Clock
from orak.application.ports.incomplete_uploads import IncompleteUploads
from orak.application.ports.live import Live
from orak.application.ports.object_server import ObjectServer
from orak.application.ports.public_media import PublicMedia
from orak.application.ports.queue import Queue
from orak.application.ports.storage import Storage
from orak.application.ports.tokens import Tokens
from orak.application.processing.process_upload import ProcessUpload
from orak.application.processing.sweep import Sweep
from orak.application.webhooks.deliver_webhooks import DeliverWebhooks
from orak.entrypoints.data_dir import make_data_dir
from orak.entrypoints.own_key import own_key
from orak.entrypoints.redis import listen_for_wake_ups, open_link, open_ticks, open_wake_ups
from orak.entrypoints.s3 import open_s3
from orak.entrypoints.schema import database_url_named
from orak.entrypoints.settings.checks import InvalidSetting
from orak.entrypoints.settings.values import Settings
from orak.entrypoints.worker.timers import Timer

if TYPE_CHECKING:
    from orak.adapters.redis.link import RedisLink

_RELAY_SECONDS = 0.5
_FORGET_SECONDS = 6 * 3600.0
_BATCH_SIZE_AGE = timedelta(seconds=5)


def clock_of(settings: Settings) -> SystemClock | FollowingClock:
    """Return the clock that leases go by: the database's where several machines share one."""
    return SystemClock() if settings.on_sqlite else FollowingClock()


async def open_persistence(
    settings: Settings, clock: SystemClock | FollowingClock, *, patient: bool
) -> AsyncIterator[Persistence]:
    """Open the database; *patient*, also while it does not answer yet."""
    make_data_dir(settings)
    lease = timedelta(seconds=settings.lease_seconds)
    async with AsyncExitStack() as stack:
        preparing = schema_prepared(settings.database, upgrade=settings.db_auto_upgrade, patient=patient)
        with database_url_named():
            admit = await stack.enter_async_context(preparing)
        opening = SqlPersistence.open(settings.database, clock=clock, lease=lease, admit=admit)
        persistence = await stack.enter_async_context(opening)
        if isinstance(clock, FollowingClock):
            await stack.enter_async_context(clock.following(persistence.now))
        yield persistence


class AnyStorage(Storage, PublicMedia, IncompleteUploads, Protocol):
    """What every store that can be chosen is."""


async def open_storage(settings: Settings, clock: Clock) -> AsyncIterator[AnyStorage]:
    """Open the store."""
    if settings.s3_bucket_name is not None:
        async with open_s3(settings, clock) as storage:
            yield storage
        return
    secret = own_key(settings.data_dir / "signing.key")
    async with LocalStorage.open(settings.data_dir / "objects", settings.base_url, secret, clock) as local:
        yield local


def gate_of(storage: AnyStorage) -> ObjectServer | None:
    """Return the HTTP side of a store that has none of its own."""
    return storage if isinstance(storage, LocalStorage) else None


async def open_workspaces(settings: Settings) -> AsyncIterator[Workspaces]:
    """Make room for the files of conversions."""
    with Workspaces.open(settings.data_dir / "work") as workspaces:
        yield workspaces


async def open_converter() -> AsyncIterator[ChildConverter]:
    """Start the server that decodes."""
    async with ChildConverter() as converter:
        yield converter


async def open_redis(settings: Settings) -> AsyncIterator["RedisLink | None"]:
    """Open the way to Redis; None without one."""
    async with open_link(settings) as link:
        yield link


async def open_live(redis: "RedisLink | None", settings: Settings) -> AsyncIterator[Live]:
    """Open the way to whoever watches."""
    async with open_ticks(settings, redis) as live:
        yield live


async def open_pool(
    process: ProcessUpload,
    capacity: asyncio.Semaphore,
    batch_size: BatchSize,
    settings: Settings,
    *,
    background: bool,
) -> AsyncIterator[InlineQueue]:
    """Open this process's own workers; there are none without *background* work."""
    workers = settings.workers if background else 0
    pool = InlineQueue(capacity, workers=workers)
    pool.open(process, batch_size=batch_size.recent)
    yield pool
    await pool.close()


async def open_queue(
    pool: InlineQueue, redis: "RedisLink | None", settings: Settings, *, background: bool
) -> AsyncIterator[Queue]:
    """Open what wake-ups are sent to: workers of this process, or whoever listens on Redis."""
    if background or redis is None:
        yield pool
        return
    async with open_wake_ups(settings, redis) as queue:
        yield queue


async def open_listener(
    pool: InlineQueue, redis: "RedisLink | None", settings: Settings
) -> AsyncIterator[None]:
    """Let wake-ups from Redis start workers of this process."""
    if redis is None or not settings.workers:
        yield None
        return
    async with listen_for_wake_ups(settings, redis, pool):
        yield None


def batch_rules_of(settings: Settings) -> BatchRules:
    """Return how this process converts in the background."""
    return BatchRules(settings.batch_enabled, min(settings.batch_max_concurrent, settings.cores))


def batch_size_of(batch_settings: BatchSettings, clock: Clock, settings: Settings) -> BatchSize:
    """Return how many takes a batch has; a change of it is known within one interval."""
    age = min(_BATCH_SIZE_AGE, timedelta(milliseconds=settings.batch_interval_ms))
    return BatchSize(batch_settings, settings.batch_size, clock, age)


def lateness_of(settings: Settings) -> timedelta:
    """Return for how long a worker that lives may not know yet that its attempt is over."""
    return 2 * timedelta(seconds=settings.lease_seconds)


async def open_slots(
    process: ProcessUpload, queue: Queue, capacity: asyncio.Semaphore, settings: Settings
) -> AsyncIterator[Slots]:
    """Open the slots that create calls convert in."""
    slots = Slots(queue, capacity, immediate=settings.slots)
    slots.open(process)
    yield slots
    await slots.close()


async def open_timers(
    settings: Settings,
    *,
    sweep: Sweep,
    relay: RelayEvents,
    follow: FollowEvents,
    forget: PruneEvents,
    deliver: DeliverWebhooks,
    pool: InlineQueue,
    clock: Clock,
    background: bool,
    serves: bool,
) -> AsyncIterator[None]:
    """Start what happens by itself."""
    # EventLog do not wait for the sweep: what was deleted is public until its event is read.
    relay_seconds = min(_RELAY_SECONDS, settings.sweep_interval_ms / 1000)
    timers = [
        Timer(f"relay to {one.subscriber.name}", one, clock, seconds=relay_seconds) for one in relay.relays
    ]
    if serves:
        timers.append(Timer("live", follow, clock, seconds=relay_seconds))
    if background:
        timers += [
            Timer("sweep", sweep, clock, seconds=settings.sweep_interval_ms / 1000),
            Timer("webhooks", deliver, clock, seconds=relay_seconds),
            Timer("forget", forget, clock, seconds=_FORGET_SECONDS),
        ]
    if background and settings.batch_enabled:
        timers.append(Timer("batch", pool.wake, clock, seconds=settings.batch_interval_ms / 1000))
    for timer in timers:
        timer.start()
    yield None
    for timer in timers:
        await timer.stop()


def tokens_of(settings: Settings, clock: Clock) -> Tokens:
    """Return who verifies tokens. Raise `InvalidSetting` if what is configured cannot."""
    if settings.jwt_secret is None and settings.jwks_url is None:
        return NoTokens()  # embedded, or before `orak token` was set up: the program itself says who acts
    try:
        return JwtTokens(
            clock=clock,
            secret=settings.jwt_secret,
            jwks_url=settings.jwks_url,
            issuer=settings.jwt_issuer,
            audience=settings.jwt_audience,
            algorithms=settings.jwt_algorithms,
        )
    except ValueError as error:
        name = "JWT_SECRET or JWT_ALGORITHMS" if settings.jwt_secret else "JWKS_URL or JWT_ALGORITHMS"
        raise InvalidSetting(name, f"cannot be used: {error}", "see the settings in README.md") from error
