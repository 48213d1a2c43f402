"""Everything orak can do, on one page: its ports, its limits and its use cases."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta

from orak.application.await_record import AwaitRecord
from orak.application.batch_schedule import BatchSchedule
from orak.application.batch_size import BatchSize
from orak.application.collect_metrics import CollectMetrics
from orak.application.conversion.attempt_conversion import AttemptConversion
from orak.application.conversion.claim_upload import ClaimUpload
from orak.application.conversion.conversion_outcomes import ConversionOutcomes
from orak.application.conversion.convert_upload import ConversionRules, ConvertUpload
from orak.application.conversion.end_attempt import EndAttempt
from orak.application.conversion.lease_keeper import LeaseKeeper
from orak.application.event_backlog import EventBacklog
from orak.application.events.check_event_log import CheckEventLog
from orak.application.events.follow_events import FollowEvents
from orak.application.events.issue_ticket import IssueTicket
from orak.application.events.prune_events import PruneEvents
from orak.application.events.redeem_ticket import RedeemTicket
from orak.application.events.relay_events import RelayEvents
from orak.application.events.watch_records import WatchRecords
from orak.application.find_strays import FindStrays
from orak.application.operators.get_statistics import BatchRules, GetStatistics
from orak.application.operators.list_failures import ListFailures
from orak.application.operators.list_orphans import ListOrphans
from orak.application.operators.retry_failure import RetryFailure
from orak.application.operators.set_batch_size import SetBatchSize
from orak.application.operators.trigger_batch import TriggerBatch
from orak.application.outbox_relay import OutboxRelay
from orak.application.ports.arrivals import Arrivals
from orak.application.ports.batch_log import BatchLog
from orak.application.ports.batch_settings import BatchSettings
from orak.application.ports.cdn_cache import CdnCache
from orak.application.ports.clock import Clock
from orak.application.ports.converter import Converter
from orak.application.ports.cursors import Cursors
from orak.application.ports.deliveries import Deliveries
from orak.application.ports.endpoints import Endpoints
from orak.application.ports.event_bus import EventBus
from orak.application.ports.event_log import EventLog
from orak.application.ports.idempotency_keys import IdempotencyKeys
from orak.application.ports.ids import Ids
from orak.application.ports.incomplete_uploads import IncompleteUploads
from orak.application.ports.intake import Intake
from orak.application.ports.leases import Leases
from orak.application.ports.live import Live
from orak.application.ports.measurements import Measurements
from orak.application.ports.poster import Poster
from orak.application.ports.queue import Queue
from orak.application.ports.record_intake import RecordIntake
from orak.application.ports.reports import Reports
from orak.application.ports.snapshot_cache import SnapshotCache
from orak.application.ports.snapshots import Snapshots
from orak.application.ports.starter import Starter
from orak.application.ports.storage import Storage
from orak.application.ports.subscribers import Subscriber
from orak.application.ports.tickets import Tickets
from orak.application.ports.traces import Traces
from orak.application.ports.unit_of_work import UnitOfWork
from orak.application.ports.upload_histories import UploadHistories
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
from orak.application.songs.list_songs import ListSongs
from orak.application.subscriber_names import SubscriberNames
from orak.application.subscribers.delete_objects import DeleteObjects
from orak.application.subscribers.invalidate_cdn import InvalidateCdn
from orak.application.subscribers.publish_events import PublishEvents
from orak.application.subscribers.publish_live_status import PublishLiveStatus
from orak.application.sweep_steps import SweepSteps
from orak.application.upload_counts import UploadCounts
from orak.application.uploads.cancel_upload import CancelUpload
from orak.application.uploads.get_upload import GetUpload
from orak.application.uploads.prune_idempotency_keys import PruneIdempotencyKeys
from orak.application.uploads.receive_upload import ReceiveUpload
from orak.application.uploads.request_upload import RequestUpload
from orak.application.uploads.store_upload import StoreUpload
from orak.application.users.register_user import RegisterUser
from orak.application.verify_upload import VerifyUpload
from orak.application.waits import Waits
from orak.application.webhooks.add_webhook import AddWebhook
from orak.application.webhooks.change_webhook import ChangeWebhook
from orak.application.webhooks.deliver_webhooks import DeliverWebhooks
from orak.application.webhooks.get_webhook import GetWebhook
from orak.application.webhooks.list_webhook_deliveries import ListWebhookDeliveries
from orak.application.webhooks.list_webhooks import ListWebhooks
from orak.application.webhooks.remove_webhook import RemoveWebhook
from orak.application.webhooks.replay_webhook_delivery import ReplayWebhookDelivery
from orak.application.webhooks.replay_webhook_events import ReplayWebhookEvents
from orak.application.webhooks.rotate_webhook_secret import RotateWebhookSecret
from orak.domain.policies.records import RecordPolicy
from orak.domain.policies.uploads import UploadPolicy
from orak.domain.webhooks import Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The ports that the use cases call, one per field."""

    transaction: UnitOfWork
    snapshots: Snapshots
    intake: Intake
    record_intake: RecordIntake
    leases: Leases
    arrivals: Arrivals
    event_log: EventLog
    cursors: Cursors
    histories: UploadHistories
    idempotency_keys: IdempotencyKeys
    tickets: Tickets
    endpoints: Endpoints
    deliveries: Deliveries
    reports: Reports
    batch_settings: BatchSettings
    batch_log: BatchLog
    storage: Storage
    incomplete_uploads: IncompleteUploads
    converter: Converter
    workspace: Callable[[], AbstractContextManager[str]]
    """Makes an empty folder for the files of one conversion, and removes it."""
    starter: Starter
    queue: Queue
    cache: SnapshotCache
    live: Live
    event_bus: EventBus | None
    cdn_cache: CdnCache | None
    """None without a CDN, or with one that has no API."""
    poster: Poster
    clock: Clock
    ids: Ids
    chance: Callable[[], float]
    """Draws a random number from 0 to 1."""
    measurements: Measurements
    traces: Traces
    waits: Waits
    """Ends waiting calls when shutdown begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """The limits and durations that the use cases keep to."""

    uploads: UploadPolicy
    records: RecordPolicy
    conversion: ConversionRules
    url_life: timedelta
    immediate_wait: timedelta
    """How long a create call waits for its conversion, unless the client asks for another time."""
    lease: timedelta
    heartbeat: timedelta
    orphan_retention: timedelta
    event_retention: timedelta | None
    """None keeps events forever."""
    batch: BatchRules
    batch_size: int
    """The size until an operator sets another."""
    batch_interval: timedelta
    webhook: Endpoint | None
    """The webhook endpoint that the settings name."""
    process_name: str
    """Unique among all processes: the outbox relay holds its cursors under this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCases:
    """The use cases, each called like a function, and what workers need to call them in time."""

    # Users
    request_upload: RequestUpload
    store_upload: StoreUpload
    get_upload: GetUpload
    cancel_upload: CancelUpload
    create_record: CreateRecord
    get_record: GetRecord
    await_record: AwaitRecord
    list_records: ListRecords
    change_record: ChangeRecord
    retry_record: RetryRecord
    delete_record: DeleteRecord
    watch_records: WatchRecords
    issue_ticket: IssueTicket
    redeem_ticket: RedeemTicket
    # The app and the store around orak
    register_user: RegisterUser
    receive_upload: ReceiveUpload
    import_songs: ImportSongs
    list_songs: ListSongs
    # Operators
    set_batch_size: SetBatchSize
    trigger_batch: TriggerBatch
    get_statistics: GetStatistics
    collect_metrics: CollectMetrics
    list_orphans: ListOrphans
    list_failures: ListFailures
    retry_failure: RetryFailure
    check_event_log: CheckEventLog
    list_webhooks: ListWebhooks
    get_webhook: GetWebhook
    add_webhook: AddWebhook
    change_webhook: ChangeWebhook
    rotate_webhook_secret: RotateWebhookSecret
    remove_webhook: RemoveWebhook
    list_webhook_deliveries: ListWebhookDeliveries
    replay_webhook_delivery: ReplayWebhookDelivery
    replay_webhook_events: ReplayWebhookEvents
    # Workers
    process_upload: ProcessUpload
    batch_schedule: BatchSchedule
    sweep: Sweep
    sweep_objects: SweepObjects
    event_backlog: EventBacklog
    relay_events: RelayEvents
    follow_events: FollowEvents
    prune_events: PruneEvents
    prune_idempotency_keys: PruneIdempotencyKeys
    deliver_webhooks: DeliverWebhooks


def build_use_cases(ports: Ports, policies: Policies) -> UseCases:
    """Build every use case from *ports*; nothing is opened and nothing starts."""
    transaction, snapshots, leases = ports.transaction, ports.snapshots, ports.leases
    event_log, cursors, endpoints = ports.event_log, ports.cursors, ports.endpoints
    storage, starter, clock = ports.storage, ports.starter, ports.clock

    measurements, counts = ports.measurements, UploadCounts(ports.measurements)

    verify = VerifyUpload(transaction, storage, clock, counts)
    end_attempt = EndAttempt(transaction, storage, clock, policies.conversion.profile)
    requeue = RequeueUpload(transaction, storage, starter, clock)
    await_record = AwaitRecord(snapshots, clock, ports.waits)
    batch_size = BatchSize(ports.batch_settings, policies.batch_size)
    # A live worker notices within two leases that its attempt is over.
    subscribers: list[Subscriber] = [DeleteObjects(snapshots, storage, clock, late=2 * policies.lease)]
    if ports.event_bus is not None:
        subscribers.append(PublishEvents(ports.event_bus))
    if ports.cdn_cache is not None:
        subscribers.append(InvalidateCdn(snapshots, storage, ports.cdn_cache))
    subscriber_names = SubscriberNames(subscribers, endpoints, policies.webhook)
    event_backlog = EventBacklog(event_log, cursors, clock)
    follow_events = FollowEvents(event_log, event_backlog, PublishLiveStatus(ports.live))
    collect_metrics = CollectMetrics(
        ports.reports, ports.batch_log, batch_size, cursors, clock, subscriber_names
    )

    return UseCases(
        request_upload=RequestUpload(
            ports.intake, storage, clock, ports.ids, policies.uploads, policies.url_life
        ),
        store_upload=StoreUpload(snapshots, storage, verify, starter),
        get_upload=GetUpload(snapshots),
        cancel_upload=CancelUpload(transaction, clock),
        create_record=CreateRecord(
            ports.record_intake,
            snapshots,
            storage,
            starter,
            await_record,
            clock,
            counts,
            policies.records,
            policies.immediate_wait,
        ),
        get_record=GetRecord(snapshots, ports.cache, clock),
        await_record=await_record,
        list_records=ListRecords(snapshots),
        change_record=ChangeRecord(transaction, snapshots, ports.cache, clock),
        retry_record=RetryRecord(snapshots, requeue),
        delete_record=DeleteRecord(transaction, ports.cache, clock),
        watch_records=WatchRecords(ports.live, event_log, follow_events),
        issue_ticket=IssueTicket(ports.tickets, ports.ids, clock),
        redeem_ticket=RedeemTicket(ports.tickets, clock),
        register_user=RegisterUser(transaction),
        receive_upload=ReceiveUpload(snapshots, storage, verify, starter, ports.queue),
        import_songs=ImportSongs(transaction),
        list_songs=ListSongs(transaction),
        set_batch_size=SetBatchSize(ports.batch_settings),
        trigger_batch=TriggerBatch(ports.batch_settings),
        get_statistics=GetStatistics(collect_metrics, ports.reports, policies.batch),
        collect_metrics=collect_metrics,
        list_orphans=ListOrphans(ports.reports, clock),
        list_failures=ListFailures(ports.reports),
        retry_failure=RetryFailure(snapshots, requeue),
        check_event_log=CheckEventLog(ports.histories),
        list_webhooks=ListWebhooks(endpoints),
        get_webhook=GetWebhook(endpoints),
        add_webhook=AddWebhook(endpoints, event_log, ports.poster, ports.ids, clock),
        change_webhook=ChangeWebhook(endpoints, event_log, cursors, ports.poster),
        rotate_webhook_secret=RotateWebhookSecret(endpoints, ports.ids, clock),
        remove_webhook=RemoveWebhook(endpoints),
        list_webhook_deliveries=ListWebhookDeliveries(endpoints, ports.deliveries),
        replay_webhook_delivery=ReplayWebhookDelivery(endpoints, ports.deliveries, cursors, clock),
        replay_webhook_events=ReplayWebhookEvents(endpoints, event_log, cursors, clock),
        process_upload=ProcessUpload(
            ClaimUpload(leases, end_attempt),
            AttemptConversion(
                ConvertUpload(storage, ports.converter, ports.workspace, policies.conversion, ports.traces),
                LeaseKeeper(leases, ports.live, clock, policies.heartbeat),
                storage,
                clock,
                ports.chance,
            ),
            end_attempt,
            ConversionOutcomes(measurements, clock, policies.conversion.profile),
            ports.traces,
        ),
        batch_schedule=BatchSchedule(ports.batch_settings, batch_size, clock, policies.batch_interval),
        sweep=Sweep(
            leases,
            ports.arrivals,
            SweepSteps(transaction, storage, verify, ports.queue, clock, counts, ports.chance),
            clock,
            policies.orphan_retention,
        ),
        sweep_objects=SweepObjects(
            FindStrays(ports.arrivals, storage), ports.incomplete_uploads, clock, policies.orphan_retention
        ),
        event_backlog=event_backlog,
        relay_events=RelayEvents(
            [
                OutboxRelay(
                    event_log, cursors, event_backlog, one, clock, measurements, policies.process_name
                )
                for one in subscribers
            ]
        ),
        follow_events=follow_events,
        prune_events=PruneEvents(
            event_log, cursors, ports.histories, clock, subscriber_names, policies.event_retention
        ),
        prune_idempotency_keys=PruneIdempotencyKeys(ports.idempotency_keys, clock),
        deliver_webhooks=DeliverWebhooks(
            event_log,
            cursors,
            event_backlog,
            endpoints,
            ports.deliveries,
            ports.poster,
            clock,
            measurements,
            policies.process_name,
            policies.webhook,
        ),
    )
