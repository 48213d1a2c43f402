"""Who gets what: the only module that knows use cases and adapters."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from dependency_injector import containers, providers

from orak.adapters.ids.random import RandomIds
from orak.application.attempt_conversion import AttemptConversion
from orak.application.await_record import AwaitRecord
from orak.application.claim_upload import ClaimUpload
from orak.application.collect_metrics import CollectMetrics
from orak.application.convert_now import ConvertNow
from orak.application.convert_upload import ConversionRules, ConvertUpload
from orak.application.end_attempt import EndAttempt
from orak.application.events.check_event_log import CheckEventLog
from orak.application.events.follow_events import FollowEvents
from orak.application.events.issue_ticket import IssueTicket
from orak.application.events.prune_events import PruneEvents
from orak.application.events.redeem_ticket import RedeemTicket
from orak.application.events.watch_records import WatchRecords
from orak.application.find_strays import FindStrays
from orak.application.lease_keeper import LeaseKeeper
from orak.application.operators.get_statistics import GetStatistics
from orak.application.operators.list_failures import ListFailures
from orak.application.operators.list_orphans import ListOrphans
from orak.application.operators.retry_failure import RetryFailure
from orak.application.operators.set_batch_size import SetBatchSize
from orak.application.operators.trigger_batch import TriggerBatch
from orak.application.ports.event_log import EventLog
from orak.application.processing.process_upload import ProcessUpload
from orak.application.processing.sweep import Sweep
from orak.application.processing.sweep_objects import SweepObjects
from orak.application.records.change_record import ChangeRecord
from orak.application.records.create_record import CreateRecord
from orak.application.records.delete_record import DeleteRecord
from orak.application.records.get_record import GetRecord
from orak.application.records.list_records import ListRecords
from orak.application.records.retry_record import RetryRecord
from orak.application.requeue_upload import RequeueUpload
from orak.application.songs.import_songs import ImportSongs
from orak.application.subscribers.delete_objects import DeleteObjects
from orak.application.subscribers.publish_live_status import PublishLiveStatus
from orak.application.sweep_steps import SweepSteps
from orak.application.uploads.cancel_upload import CancelUpload
from orak.application.uploads.get_upload import GetUpload
from orak.application.uploads.receive_upload import ReceiveUpload
from orak.application.uploads.request_upload import RequestUpload
from orak.application.uploads.store_upload import StoreUpload
from orak.application.use_cases import UseCases
from orak.application.users.register_user import RegisterUser
from orak.application.verify_upload import VerifyUpload
from orak.application.waits import Waits
from orak.application.webhooks.add_webhook import AddWebhook
from orak.application.webhooks.change_webhook import ChangeWebhook
from orak.application.webhooks.get_webhook import GetWebhook
from orak.application.webhooks.list_webhook_deliveries import ListWebhookDeliveries
from orak.application.webhooks.list_webhooks import ListWebhooks
from orak.application.webhooks.remove_webhook import RemoveWebhook
from orak.application.webhooks.replay_webhook_delivery import ReplayWebhookDelivery
from orak.application.webhooks.replay_webhook_events import ReplayWebhookEvents
from orak.application.webhooks.rotate_webhook_secret import RotateWebhookSecret
from orak.domain.policies.records import RecordPolicy
from orak.domain.policies.uploads import UploadPolicy
from orak.entrypoints import parts
from orak.entrypoints.aws import open_consumer, open_publisher
from orak.entrypoints.feed import SubscriberNames, relay_to
from orak.entrypoints.opening import opened
from orak.entrypoints.redis import choose_cache
from orak.entrypoints.running import Running
from orak.entrypoints.settings.values import Settings
from orak.entrypoints.webhooks import configured_endpoint, open_deliveries, open_poster


class Container(containers.DeclarativeContainer):
    """The wiring. What a setting chooses is chosen here, and nowhere else."""

    settings = providers.Dependency(instance_of=Settings)
    # Whether this process converts what waits, beside what its own calls ask for.
    background = providers.Dependency(instance_of=bool)
    # Whether anybody may listen here.
    serves = providers.Dependency(instance_of=bool, default=True)
    clock = providers.Singleton(parts.clock_of, settings)
    ids = providers.Singleton(RandomIds)
    chance = providers.Object(random.SystemRandom().random)
    tokens = providers.Singleton(parts.tokens_of, settings, clock)

    # What goes on serving waits for a database that is away; a command does not.
    patient = providers.Dependency(instance_of=bool, default=True)
    persistence = providers.Resource(parts.open_persistence, settings, clock, patient=patient)
    transaction = persistence.provided.transaction
    snapshots = persistence.provided.snapshots
    leases = persistence.provided.leases
    reports = persistence.provided.reports
    storage = providers.Resource(parts.open_storage, settings, clock)
    workspaces = providers.Resource(parts.open_workspaces, settings)
    converter = providers.Resource(parts.open_converter)

    redis = providers.Resource(parts.open_redis, settings)
    live = providers.Resource(parts.open_live, redis, settings)

    keeper = providers.Singleton(
        LeaseKeeper,
        leases=leases,
        live=live,
        clock=clock,
        heartbeat=providers.Callable(timedelta, seconds=settings.provided.heartbeat_seconds),
    )
    end_attempt = providers.Singleton(
        EndAttempt,
        transaction=transaction,
        storage=storage,
        clock=clock,
        profile=settings.provided.audio_profile,
    )
    process_upload = providers.Singleton(
        ProcessUpload,
        claim=providers.Singleton(ClaimUpload, leases=leases, end_attempt=end_attempt),
        attempt=providers.Singleton(
            AttemptConversion,
            convert=providers.Singleton(
                ConvertUpload,
                storage=storage,
                converter=converter,
                workspace=workspaces,
                rules=providers.Singleton(
                    ConversionRules,
                    profile=settings.provided.audio_profile,
                    max_duration_seconds=settings.provided.max_duration_seconds,
                ),
            ),
            keeper=keeper,
            storage=storage,
            clock=clock,
            chance=chance,
        ),
        end_attempt=end_attempt,
    )
    # What immediate and background conversions share: never more at once than the machine has cores.
    capacity = providers.Singleton(asyncio.Semaphore, settings.provided.cores)
    batch_rules = providers.Singleton(parts.batch_rules_of, settings)
    batch_size = providers.Singleton(
        parts.batch_size_of, persistence.provided.batch_settings, clock, settings
    )
    cache = providers.Singleton(choose_cache, redis, settings, clock)
    pool = providers.Resource(
        parts.open_pool, process_upload, capacity, batch_size, settings, background=background
    )
    queue = providers.Resource(parts.open_queue, pool, redis, settings, background=background)
    listener = providers.Resource(parts.open_listener, pool, redis, settings)
    starter = providers.Resource(parts.open_slots, process_upload, queue, capacity, settings)

    requeue = providers.Singleton(RequeueUpload, transaction, storage, starter, clock)
    verify = providers.Singleton(VerifyUpload, transaction, storage, clock)
    sweep = providers.Singleton(
        Sweep,
        leases=leases,
        arrivals=persistence.provided.arrivals,
        steps=providers.Singleton(
            SweepSteps,
            transaction=transaction,
            storage=storage,
            verify=verify,
            clock=clock,
            chance=chance,
        ),
        queue=queue,
        clock=clock,
        orphan_retention=providers.Callable(timedelta, hours=settings.provided.orphan_retention_hours),
    )
    receive_upload = providers.Singleton(ReceiveUpload, snapshots, storage, verify, starter, queue)
    publisher = providers.Resource(
        open_publisher, settings, persistence.provided.event_log, persistence.provided.cursors, clock
    )
    consumer = providers.Resource(
        open_consumer,
        settings,
        receive=receive_upload,
        pool=pool,
        clock=clock,
        background=background,
    )
    relay_events = providers.Singleton(
        relay_to,
        providers.List(
            providers.Singleton(
                DeleteObjects, storage, clock, providers.Callable(parts.lateness_of, settings)
            ),
            publisher,
        ),
        persistence.provided.event_log,
        persistence.provided.cursors,
        clock,
    )
    follow_events = providers.Singleton(
        FollowEvents,
        persistence.provided.event_log,
        providers.List(providers.Singleton(PublishLiveStatus, live)),
    )

    subscriber_names = providers.Singleton(
        SubscriberNames,
        relay_events,
        persistence.provided.endpoints,
        providers.Callable(configured_endpoint, settings),
    )
    prune_events = providers.Singleton(
        PruneEvents,
        event_log=persistence.provided.event_log,
        cursors=persistence.provided.cursors,
        log=persistence.provided.histories,
        clock=clock,
        subscribers=subscriber_names,
        retention=settings.provided.retention_of_events,
    )
    poster = providers.Resource(open_poster, settings)
    endpoints, deliveries = persistence.provided.endpoints, persistence.provided.deliveries
    deliver_webhooks = providers.Resource(
        open_deliveries,
        settings,
        event_log=persistence.provided.event_log,
        cursors=persistence.provided.cursors,
        endpoints=endpoints,
        deliveries=deliveries,
        poster=poster,
        clock=clock,
    )
    collect_metrics = providers.Singleton(
        CollectMetrics, reports, persistence.provided.cursors, clock, subscriber_names
    )
    check_event_log = providers.Singleton(CheckEventLog, persistence.provided.histories)

    sweep_objects = providers.Singleton(
        SweepObjects,
        strays=providers.Singleton(FindStrays, persistence.provided.arrivals, storage),
        incomplete_uploads=storage,
        clock=clock,
        retention=providers.Callable(timedelta, hours=settings.provided.orphan_retention_hours),
    )

    waits = providers.Singleton(Waits)
    await_record = providers.Singleton(AwaitRecord, snapshots, clock, waits)

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
        store_upload=providers.Singleton(StoreUpload, snapshots, storage, verify, starter),
        get_upload=providers.Singleton(GetUpload, snapshots),
        cancel_upload=providers.Singleton(CancelUpload, transaction, clock),
        create_record=providers.Singleton(
            CreateRecord,
            transaction=transaction,
            snapshots=snapshots,
            convert_now=providers.Singleton(ConvertNow, snapshots, storage, verify, starter, clock),
            await_record=await_record,
            clock=clock,
            policy=providers.Singleton(
                RecordPolicy, max_duration_seconds=settings.provided.max_duration_seconds
            ),
            immediate_wait=providers.Callable(timedelta, milliseconds=settings.provided.immediate_wait_ms),
        ),
        get_record=providers.Singleton(GetRecord, snapshots, cache, clock),
        await_record=await_record,
        list_records=providers.Singleton(ListRecords, snapshots),
        change_record=providers.Singleton(ChangeRecord, transaction, snapshots, cache, clock),
        retry_record=providers.Singleton(RetryRecord, snapshots, requeue),
        set_batch_size=providers.Singleton(SetBatchSize, persistence.provided.batch_settings),
        trigger_batch=providers.Singleton(TriggerBatch, queue),
        get_statistics=providers.Singleton(GetStatistics, collect_metrics, batch_size, batch_rules),
        list_orphans=providers.Singleton(ListOrphans, reports, clock),
        list_failures=providers.Singleton(ListFailures, reports),
        retry_failure=providers.Singleton(RetryFailure, snapshots, requeue),
        delete_record=providers.Singleton(DeleteRecord, transaction, cache, clock),
        watch_records=providers.Singleton(WatchRecords, live, persistence.provided.event_log, follow_events),
        issue_ticket=providers.Singleton(IssueTicket, persistence.provided.tickets, ids, clock),
        redeem_ticket=providers.Singleton(RedeemTicket, persistence.provided.tickets, clock),
        register_user=providers.Singleton(RegisterUser, transaction),
        receive_upload=receive_upload,
        import_songs=providers.Singleton(ImportSongs, transaction),
        process_upload=process_upload,
        sweep=sweep,
        sweep_objects=sweep_objects,
        relay_events=relay_events,
        follow_events=follow_events,
        prune_events=prune_events,
        check_event_log=check_event_log,
        list_endpoints=providers.Singleton(ListWebhooks, endpoints),
        get_endpoint=providers.Singleton(GetWebhook, endpoints),
        add_endpoint=providers.Singleton(
            AddWebhook, endpoints, persistence.provided.event_log, poster, ids, clock
        ),
        change_endpoint=providers.Singleton(
            ChangeWebhook, endpoints, persistence.provided.event_log, persistence.provided.cursors, poster
        ),
        rotate_secret=providers.Singleton(RotateWebhookSecret, endpoints, ids, clock),
        remove_endpoint=providers.Singleton(RemoveWebhook, endpoints),
        list_deliveries=providers.Singleton(ListWebhookDeliveries, endpoints, deliveries),
        replay_delivery=providers.Singleton(
            ReplayWebhookDelivery, endpoints, deliveries, persistence.provided.cursors, clock
        ),
        replay_events=providers.Singleton(
            ReplayWebhookEvents,
            endpoints,
            persistence.provided.event_log,
            persistence.provided.cursors,
            clock,
        ),
        deliver_webhooks=deliver_webhooks,
    )
    running = providers.Singleton(
        Running,
        use_cases=use_cases,
        tokens=tokens,
        gate=providers.Singleton(parts.gate_of, storage),
        media=storage,
        clock=clock,
        settings=settings,
        leases=leases,
        storage=storage,
        collect_metrics=collect_metrics,
        redis=redis,
        waits=waits,
        end_conversion_waits=starter.provided.end_waits,
    )
    timers = providers.Resource(
        parts.open_timers,
        settings,
        sweep=sweep,
        relay=relay_events,
        follow=follow_events,
        forget=prune_events,
        deliver=deliver_webhooks,
        pool=pool,
        clock=clock,
        background=background,
        serves=serves,
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
        container.live,
        container.poster,
        container.deliver_webhooks,
        container.pool,
        container.queue,
        container.starter,
        container.publisher,
        container.timers,
        container.consumer,
    )
    async with opened(*resources):
        yield await container.running.async_()


@asynccontextmanager
async def work(settings: Settings) -> AsyncIterator[None]:
    """Convert in the background and look after what stands still, until the block ends; serve nobody."""
    container = Container(settings=settings, background=True, serves=False)
    resources = (
        container.persistence,
        container.storage,
        container.workspaces,
        container.converter,
        container.redis,
        container.live,
        container.poster,
        container.deliver_webhooks,
        container.pool,
        container.queue,
        container.starter,
        container.publisher,
        container.timers,
        container.listener,
        container.consumer,
    )
    async with opened(*resources):
        yield


@asynccontextmanager
async def object_sweep(settings: Settings) -> AsyncIterator[SweepObjects]:
    """Open what looking for objects without a row needs, and nothing that converts."""
    container = Container(settings=settings, patient=False, background=False)
    async with opened(container.persistence, container.storage):
        yield await container.sweep_objects.async_()


@asynccontextmanager
async def histories(settings: Settings) -> AsyncIterator[tuple[CheckEventLog, EventLog]]:
    """Open what reading the log of all events needs: the database alone."""
    container = Container(settings=settings, patient=False, background=False)
    async with opened(container.persistence):
        persistence = await container.persistence.async_()
        yield await container.check_event_log.async_(), persistence.event_log
