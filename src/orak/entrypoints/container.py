"""Which adapter stands behind which port: the only module that knows both."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from dependency_injector import containers, providers

from orak.adapters.audio.child_converter import ChildConverter
from orak.adapters.auth.jwt import JwtTokens
from orak.adapters.auth.none import NoTokens
from orak.adapters.clock.following import FollowingClock
from orak.adapters.clock.system import SystemClock
from orak.adapters.ids.random import RandomIds
from orak.adapters.live.memory import MemoryLive
from orak.adapters.persistence.sql.database import SqlPersistence
from orak.adapters.queues.inline import InlineQueue
from orak.adapters.queues.slots import Slots
from orak.adapters.storage.local import LocalStorage
from orak.adapters.workspaces.disk import Workspaces
from orak.application.events.follow_facts import FollowFacts
from orak.application.events.readers import DeleteObjects, TellLive
from orak.application.events.relay_facts import RelayFacts
from orak.application.import_songs import ImportSongs
from orak.application.operations.batch_size import BatchSize, SetBatchSize
from orak.application.operations.get_statistics import BatchRules, GetStatistics
from orak.application.operations.list_uploads import ListFailures, ListOrphans
from orak.application.operations.retry_failure import RetryFailure
from orak.application.operations.trigger_batch import TriggerBatch
from orak.application.ports.clock import Clock
from orak.application.ports.failures import Unavailable
from orak.application.ports.leases import Leases
from orak.application.ports.live import Live
from orak.application.ports.queue import Queue
from orak.application.ports.storage import Leftovers, ObjectGate, PublicMedia, Storage
from orak.application.ports.tokens import Tokens
from orak.application.processing.lease_keeper import LeaseKeeper
from orak.application.processing.process_upload import ConversionRules, ProcessUpload
from orak.application.processing.sweep import Sweep
from orak.application.processing.sweep_objects import SweepObjects
from orak.application.records.await_record import AwaitRecord
from orak.application.records.change_record import ChangeRecord
from orak.application.records.create_record import CreateRecord
from orak.application.records.delete_record import DeleteRecord
from orak.application.records.get_record import GetRecord
from orak.application.records.list_records import ListRecords
from orak.application.records.retry_record import RetryRecord
from orak.application.register_user import RegisterUser
from orak.application.requeuing import Requeuing
from orak.application.uploads.cancel_upload import CancelUpload
from orak.application.uploads.get_upload import GetUpload
from orak.application.uploads.receive_upload import ReceiveUpload
from orak.application.uploads.request_upload import RequestUpload
from orak.application.uploads.store_upload import StoreUpload
from orak.application.use_cases import UseCases
from orak.application.verification import Verification
from orak.domain.identity import ObjectKey
from orak.domain.policies import UploadPolicy
from orak.entrypoints.data_dir import make_data_dir
from orak.entrypoints.opening import opened
from orak.entrypoints.own_key import own_key
from orak.entrypoints.redis import choose_cache, listen_for_wake_ups, open_link, open_wake_ups
from orak.entrypoints.s3 import open_s3
from orak.entrypoints.schema import schema_prepared
from orak.entrypoints.settings import InvalidSetting, Settings
from orak.entrypoints.waits import Waits
from orak.entrypoints.worker.timers import Timer

if TYPE_CHECKING:
    from orak.adapters.redis.link import RedisLink

_RELAY_SECONDS = 0.5


def _clock(settings: Settings) -> SystemClock | FollowingClock:
    return SystemClock() if settings.on_sqlite else FollowingClock()


async def _open_persistence(
    settings: Settings, clock: SystemClock | FollowingClock, *, patient: bool
) -> AsyncIterator[SqlPersistence]:
    make_data_dir(settings)
    lease = timedelta(seconds=settings.lease_seconds)
    async with AsyncExitStack() as stack:
        admit = await stack.enter_async_context(schema_prepared(settings, patient=patient))
        opening = SqlPersistence.open(settings.database, clock=clock, lease=lease, admit=admit)
        persistence = await stack.enter_async_context(opening)
        if isinstance(clock, FollowingClock):
            await stack.enter_async_context(clock.following(persistence.now))
        yield persistence


class AnyStorage(Storage, PublicMedia, Leftovers, Protocol):
    """What every store that can be chosen is."""


async def _open_storage(settings: Settings, clock: Clock) -> AsyncIterator[AnyStorage]:
    if settings.s3_bucket_name is not None:
        async with open_s3(settings, clock) as storage:
            yield storage
        return
    secret = own_key(settings.data_dir / "signing.key")
    async with LocalStorage.open(settings.data_dir / "objects", settings.base_url, secret, clock) as local:
        yield local


def _gate(storage: AnyStorage) -> ObjectGate | None:
    return storage if isinstance(storage, LocalStorage) else None


async def _open_workspaces(settings: Settings) -> AsyncIterator[Workspaces]:
    with Workspaces.open(settings.data_dir / "work") as workspaces:
        yield workspaces


async def _open_converter() -> AsyncIterator[ChildConverter]:
    async with ChildConverter() as converter:
        yield converter


async def _open_redis(settings: Settings) -> AsyncIterator["RedisLink | None"]:
    async with open_link(settings) as link:
        yield link


async def _open_pool(
    process: ProcessUpload,
    capacity: asyncio.Semaphore,
    batch_size: BatchSize,
    rules: BatchRules,
    *,
    background: bool,
) -> AsyncIterator[InlineQueue]:
    workers = rules.max_concurrent if background and rules.enabled else 0
    pool = InlineQueue(process, capacity, workers=workers, batch_size=batch_size)
    yield pool
    await pool.close()


async def _open_queue(
    pool: InlineQueue, redis: "RedisLink | None", settings: Settings, *, background: bool
) -> AsyncIterator[Queue]:
    if background or redis is None:
        yield pool
        return
    async with open_wake_ups(settings, redis) as queue:
        yield queue


async def _open_listener(
    pool: InlineQueue, redis: "RedisLink | None", settings: Settings
) -> AsyncIterator[None]:
    if redis is None or not settings.workers:
        yield None
        return
    async with listen_for_wake_ups(settings, redis, pool):
        yield None


def _batch_rules(settings: Settings) -> BatchRules:
    return BatchRules(settings.batch_enabled, min(settings.batch_max_concurrent, settings.cores))


async def _open_slots(
    process: ProcessUpload, queue: Queue, capacity: asyncio.Semaphore, settings: Settings
) -> AsyncIterator[Slots]:
    slots = Slots(process, queue, capacity, immediate=settings.slots)
    yield slots
    await slots.close()


async def _open_timers(
    sweep: Sweep,
    relay: RelayFacts,
    follow: FollowFacts,
    pool: InlineQueue,
    settings: Settings,
    *,
    clock: Clock,
    background: bool,
) -> AsyncIterator[None]:
    # Facts do not wait for the sweep: what was deleted is public until its fact is read.
    relay_seconds = min(_RELAY_SECONDS, settings.sweep_interval_ms / 1000)
    timers = [
        Timer("relay", relay, clock, seconds=relay_seconds),
        Timer("live", follow, clock, seconds=relay_seconds),
    ]
    if background:
        timers += [
            Timer("sweep", sweep, clock, seconds=settings.sweep_interval_ms / 1000),
            Timer("batch", pool.wake, clock, seconds=settings.batch_interval_ms / 1000),
        ]
    for timer in timers:
        timer.start()
    yield None
    for timer in timers:
        await timer.stop()


def _tokens(settings: Settings, clock: Clock) -> Tokens:
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


@dataclass(frozen=True, slots=True)
class Running:
    """What an entrypoint needs of a running orak."""

    use_cases: UseCases
    tokens: Tokens
    gate: ObjectGate | None
    """None where the store has an HTTP side of its own."""
    media: PublicMedia
    live: Live
    clock: Clock
    settings: Settings
    leases: Leases
    storage: Storage
    end_conversion_waits: Callable[[], None]
    waits: Waits = field(default_factory=Waits)
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

    async def slower_for_lack_of(self) -> list[str]:
        """Return the names of the parts that do not answer, and without which orak is only slower."""
        return [] if self.redis is None or await self.redis.answers() else ["redis"]


class Container(containers.DeclarativeContainer):
    """The wiring. What a setting chooses is chosen here, and nowhere else."""

    settings = providers.Dependency(instance_of=Settings)
    # Whether this process converts what waits, beside what its own calls ask for.
    background = providers.Dependency(instance_of=bool)
    clock = providers.Singleton(_clock, settings)
    ids = providers.Singleton(RandomIds)
    live = providers.Singleton(MemoryLive)
    chance = providers.Object(random.SystemRandom().random)
    tokens = providers.Singleton(_tokens, settings, clock)

    # What goes on serving waits for a database that is away; a command does not.
    patient = providers.Dependency(instance_of=bool, default=True)
    persistence = providers.Resource(_open_persistence, settings, clock, patient=patient)
    transaction = persistence.provided.transaction
    recordings = persistence.provided.recordings
    leases = persistence.provided.leases
    operations = persistence.provided.operations
    storage = providers.Resource(_open_storage, settings, clock)
    workspaces = providers.Resource(_open_workspaces, settings)
    converter = providers.Resource(_open_converter)

    keeper = providers.Singleton(
        LeaseKeeper,
        leases=leases,
        live=live,
        clock=clock,
        heartbeat=providers.Callable(timedelta, seconds=settings.provided.heartbeat_seconds),
    )
    process_upload = providers.Singleton(
        ProcessUpload,
        leases=leases,
        keeper=keeper,
        transaction=transaction,
        storage=storage,
        converter=converter,
        clock=clock,
        workspace=workspaces,
        chance=chance,
        rules=providers.Singleton(
            ConversionRules,
            profile=settings.provided.audio_profile,
            max_duration_seconds=settings.provided.max_duration_seconds,
        ),
    )
    # What immediate and background conversions share: never more at once than the machine has cores.
    capacity = providers.Singleton(asyncio.Semaphore, settings.provided.cores)
    batch_rules = providers.Singleton(_batch_rules, settings)
    batch_size = providers.Singleton(BatchSize, operations, settings.provided.batch_size)
    redis = providers.Resource(_open_redis, settings)
    cache = providers.Singleton(choose_cache, redis, settings, clock)
    pool = providers.Resource(
        _open_pool, process_upload, capacity, batch_size, batch_rules, background=background
    )
    queue = providers.Resource(_open_queue, pool, redis, settings, background=background)
    listener = providers.Resource(_open_listener, pool, redis, settings)
    starter = providers.Resource(_open_slots, process_upload, queue, capacity, settings)

    requeuing = providers.Singleton(Requeuing, transaction, storage, starter, clock)
    verification = providers.Singleton(Verification, transaction, storage, clock)
    sweep = providers.Singleton(
        Sweep,
        leases=leases,
        arrivals=persistence.provided.arrivals,
        transaction=transaction,
        storage=storage,
        verification=verification,
        queue=queue,
        clock=clock,
        chance=chance,
        orphan_retention=providers.Callable(timedelta, hours=settings.provided.orphan_retention_hours),
    )
    relay_facts = providers.Singleton(
        RelayFacts,
        facts=persistence.provided.facts,
        readers=providers.List(providers.Singleton(DeleteObjects, storage)),
        clock=clock,
    )
    follow_facts = providers.Singleton(
        FollowFacts, persistence.provided.facts, providers.List(providers.Singleton(TellLive, live))
    )

    sweep_objects = providers.Singleton(
        SweepObjects,
        arrivals=persistence.provided.arrivals,
        storage=storage,
        leftovers=storage,
        clock=clock,
        retention=providers.Callable(timedelta, hours=settings.provided.orphan_retention_hours),
    )

    use_cases = providers.Singleton(
        UseCases,
        request_upload=providers.Singleton(
            RequestUpload,
            intake=persistence.provided.intake,
            storage=storage,
            clock=clock,
            ids=ids,
            policy=providers.Singleton(
                UploadPolicy,
                max_bytes=settings.provided.max_upload_bytes,
                max_duration_seconds=settings.provided.max_duration_seconds,
            ),
            url_life=providers.Callable(timedelta, seconds=settings.provided.presign_ttl_seconds),
        ),
        store_upload=providers.Singleton(StoreUpload, recordings, storage, verification, starter),
        get_upload=providers.Singleton(GetUpload, recordings),
        cancel_upload=providers.Singleton(CancelUpload, transaction, clock),
        create_record=providers.Singleton(
            CreateRecord, transaction, recordings, storage, verification, starter, clock
        ),
        get_record=providers.Singleton(GetRecord, recordings, cache, clock),
        await_record=providers.Singleton(AwaitRecord, recordings, clock),
        list_records=providers.Singleton(ListRecords, recordings),
        change_record=providers.Singleton(ChangeRecord, transaction, recordings, cache, clock),
        retry_record=providers.Singleton(RetryRecord, recordings, requeuing),
        set_batch_size=providers.Singleton(SetBatchSize, operations),
        trigger_batch=providers.Singleton(TriggerBatch, queue),
        get_statistics=providers.Singleton(GetStatistics, operations, batch_size, clock, batch_rules),
        list_orphans=providers.Singleton(ListOrphans, operations, clock),
        list_failures=providers.Singleton(ListFailures, operations),
        retry_failure=providers.Singleton(RetryFailure, recordings, requeuing),
        delete_record=providers.Singleton(DeleteRecord, transaction, cache, clock),
        register_user=providers.Singleton(RegisterUser, transaction),
        receive_upload=providers.Singleton(ReceiveUpload, recordings, storage, verification, starter),
        import_songs=providers.Singleton(ImportSongs, transaction),
        process_upload=process_upload,
        sweep=sweep,
        sweep_objects=sweep_objects,
        relay_facts=relay_facts,
        follow_facts=follow_facts,
    )
    running = providers.Singleton(
        Running,
        use_cases=use_cases,
        tokens=tokens,
        gate=providers.Singleton(_gate, storage),
        media=storage,
        live=live,
        clock=clock,
        settings=settings,
        leases=leases,
        storage=storage,
        redis=redis,
        end_conversion_waits=starter.provided.end_waits,
    )
    timers = providers.Resource(
        _open_timers, sweep, relay_facts, follow_facts, pool, settings, clock=clock, background=background
    )


@asynccontextmanager
async def run(settings: Settings) -> AsyncIterator[Running]:
    """Open everything that *settings* ask for; close it in the reverse order.

    Background work is included, unless REDIS_URL says that there are workers for it. On SQLite the schema is
    brought up to date first; on PostgreSQL if `db_auto_upgrade` says so. While PostgreSQL does not answer,
    calls are `Unavailable`.
    """
    container = Container(settings=settings, background=settings.redis_url is None)
    resources = (
        container.persistence,
        container.storage,
        container.workspaces,
        container.converter,
        container.redis,
        container.pool,
        container.queue,
        container.starter,
        container.timers,
    )
    async with opened(*resources):
        yield await container.running.async_()


@asynccontextmanager
async def work(settings: Settings) -> AsyncIterator[None]:
    """Convert in the background and look after what stands still, until the block ends; serve nobody."""
    container = Container(settings=settings, background=True)
    resources = (
        container.persistence,
        container.storage,
        container.workspaces,
        container.converter,
        container.redis,
        container.pool,
        container.queue,
        container.timers,
        container.listener,
    )
    async with opened(*resources):
        yield


@asynccontextmanager
async def object_sweep(settings: Settings) -> AsyncIterator[SweepObjects]:
    """Open what looking for objects without a row needs, and nothing that converts."""
    container = Container(settings=settings, patient=False, background=False)
    async with opened(container.persistence, container.storage):
        yield await container.sweep_objects.async_()
