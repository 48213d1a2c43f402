"""A whole orak in memory, on a clock that stands still: for tests of use cases."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from orak.adapters.cache.memory import MemoryCache
from orak.adapters.clock.frozen import FrozenClock
from orak.adapters.ids.sequential import SequentialIds
from orak.adapters.live.memory import MemoryLive
from orak.adapters.persistence.memory.database import MemoryPersistence
from orak.adapters.storage.memory import MemoryStorage
from orak.adapters.webhooks.requests import webhook_request
from orak.application.await_record import AwaitRecord
from orak.application.batch_size import BatchSize
from orak.application.collect_metrics import CollectMetrics
from orak.application.convert_now import ConvertNow
from orak.application.events.check_event_log import CheckEventLog
from orak.application.events.follow_events import FollowEvents
from orak.application.events.issue_ticket import IssueTicket
from orak.application.events.prune_events import PruneEvents
from orak.application.events.redeem_ticket import RedeemTicket
from orak.application.events.watch_records import WatchRecords
from orak.application.find_strays import FindStrays
from orak.application.operators.get_statistics import BatchRules, GetStatistics
from orak.application.operators.list_failures import ListFailures
from orak.application.operators.list_orphans import ListOrphans
from orak.application.operators.retry_failure import RetryFailure
from orak.application.operators.set_batch_size import SetBatchSize
from orak.application.operators.trigger_batch import TriggerBatch
from orak.application.ports.converter import ConversionOrder
from orak.application.ports.failures import Unavailable
from orak.application.ports.poster import ForbiddenAddress, Posted
from orak.application.processing.sweep import Sweep
from orak.application.processing.sweep_objects import SweepObjects
from orak.application.records.change_record import ChangeRecord
from orak.application.records.create_record import CreateRecord, NewRecord
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
from orak.application.uploads.request_upload import NewUpload, RequestUpload
from orak.application.uploads.store_upload import StoreUpload
from orak.application.use_cases import UseCases
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
from orak.domain.actor import Actor
from orak.domain.audio import Conversion, Loudness
from orak.domain.events import LoggedEvent
from orak.domain.identity import UploadId, UserId
from orak.domain.policies.records import RecordPolicy
from orak.domain.policies.uploads import UploadPolicy
from orak.domain.record import RecordSnapshot
from orak.domain.upload import Upload
from orak.domain.webhooks import Endpoint
from orak.entrypoints.feed import SubscriberNames, relay_to
from processing import a_process

SINGER = Actor(UserId(1))
STRANGER = Actor(UserId(2))
LEASE = timedelta(seconds=30)


class RestlessClock(FrozenClock):
    """A clock that whoever sleeps sets forward, so that nothing ever waits."""

    async def sleep(self, seconds: float) -> None:
        self.advance(timedelta(seconds=seconds))
        await super().sleep(0)


class QuickConverter:
    """A converter that reads every byte and measures none, and fails as it is told to."""

    def __init__(self) -> None:
        self.errors: list[BaseException] = []
        self.converted: list[bytes] = []

    async def convert(self, order: ConversionOrder, progress: Callable[[float], None]) -> Conversion:
        progress(0.5)
        for _ in range(20):  # long enough for others to get in between
            await asyncio.sleep(0)
        if self.errors:
            raise self.errors.pop(0)
        taken = order.source.read_bytes()
        self.converted.append(taken)
        order.audio.write_bytes(b"converted " + taken)
        order.waveform.write_text("{}")
        progress(1.0)
        return Conversion(12.9, Loudness(-20.0, -14.0, -1.5))


class AwayStorage:
    """A store that nobody can reach."""

    async def head(self, _key):
        raise Unavailable("the store is away")

    delete = head


class RememberingQueue:
    """A queue that only counts."""

    def __init__(self) -> None:
        self.woken = 0

    async def wake(self) -> None:
        self.woken += 1


class Receivers:
    """Whoever webhooks lead to: each URL answers as it is told to, and what it was sent is remembered."""

    def __init__(self) -> None:
        self.answers: dict[str, int | None] = {}
        self.posts: list[tuple[str, dict[str, str], bytes]] = []

    async def check(self, url: str) -> None:
        if "private" in url:
            raise ForbiddenAddress("a private address")

    async def post(self, endpoint: Endpoint, logged: LoggedEvent, *, at: datetime) -> Posted:
        await asyncio.sleep(0)
        headers, body = webhook_request(endpoint, logged, at=at, agent="orak/test")
        self.posts.append((endpoint.url, headers, body))
        status = self.answers.get(endpoint.url, 204)
        return Posted(status, "" if status else "nobody answers")


@dataclass
class House:
    """The use cases, and what a test may want to look into."""

    use_cases: UseCases
    clock: FrozenClock
    persistence: MemoryPersistence
    storage: MemoryStorage
    converter: QuickConverter
    queue: RememberingQueue
    poster: "Receivers"
    waits: Waits
    started: list[UploadId] = field(default_factory=list)

    async def request(
        self, actor: Actor = SINGER, *, content: bytes = b"abc", name: str = "take.webm"
    ) -> Upload:
        signed = await self.use_cases.request_upload(actor, NewUpload(name, len(content), "audio/webm"))
        return signed.upload

    async def lay(self, upload: Upload, content: bytes = b"abc", content_type: str = "audio/webm") -> None:
        """Let bytes turn up in the store, unannounced."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            await self.storage.publish(upload.key, Path(file.name), content_type=content_type)

    async def upload(self, actor: Actor = SINGER, content: bytes = b"abc") -> Upload:
        upload = await self.request(actor, content=content)
        await self.lay(upload, content)
        return await self.use_cases.receive_upload(upload.key)

    async def create(self, upload: Upload, actor: Actor = SINGER, title: str = "첫 노래") -> RecordSnapshot:
        return await self.use_cases.create_record(actor, NewRecord(title, upload.id))

    async def row(self, upload: Upload) -> Upload:
        async with self.persistence.transaction() as tx:
            return await tx.uploads.get(upload.id)


class _NotWaited:
    async def wait(self, seconds: float) -> None: ...


@asynccontextmanager
async def a_house(clock: FrozenClock | None = None) -> AsyncIterator[House]:
    """Open it. Nothing converts by itself: the starter and the queue only remember."""
    clock = clock or RestlessClock()
    storage = MemoryStorage("http://orak.test", b"k" * 32, clock)
    converter, queue, live, cache = QuickConverter(), RememberingQueue(), MemoryLive(), MemoryCache(clock)
    started: list[UploadId] = []
    ids, poster = SequentialIds(), Receivers()

    class Starter:
        async def start(self, upload_id: UploadId) -> _NotWaited:
            started.append(upload_id)
            return _NotWaited()

    starter = Starter()
    async with MemoryPersistence.open(clock=clock, lease=LEASE) as persistence:
        transaction, snapshots, leases = persistence.transaction, persistence.snapshots, persistence.leases
        follow_events = FollowEvents(persistence.event_log, [PublishLiveStatus(live)])
        events, cursors = persistence.event_log, persistence.cursors
        endpoints, deliveries = persistence.endpoints, persistence.deliveries
        requeue = RequeueUpload(transaction, storage, starter, clock)
        verify = VerifyUpload(transaction, storage, clock)
        relay_events = relay_to(
            [DeleteObjects(storage, clock, 2 * LEASE)], persistence.event_log, persistence.cursors, clock
        )
        subscriber_names = SubscriberNames(relay_events, persistence.endpoints, None)
        collect_metrics = CollectMetrics(persistence.reports, persistence.cursors, clock, subscriber_names)
        waits = Waits()
        await_record = AwaitRecord(snapshots, clock, waits)
        use_cases = UseCases(
            request_upload=RequestUpload(
                persistence.intake,
                storage,
                clock,
                ids,
                UploadPolicy(max_bytes=1000, max_duration_seconds=3600),
                timedelta(minutes=15),
            ),
            store_upload=StoreUpload(snapshots, storage, verify, starter),
            get_upload=GetUpload(snapshots),
            cancel_upload=CancelUpload(transaction, clock),
            create_record=CreateRecord(
                transaction,
                snapshots,
                ConvertNow(snapshots, storage, verify, starter, clock),
                await_record,
                clock,
                RecordPolicy(max_duration_seconds=3600),
                timedelta(milliseconds=300),
            ),
            get_record=GetRecord(snapshots, cache, clock),
            await_record=await_record,
            list_records=ListRecords(snapshots),
            change_record=ChangeRecord(transaction, snapshots, cache, clock),
            retry_record=RetryRecord(snapshots, requeue),
            set_batch_size=SetBatchSize(persistence.batch_settings),
            trigger_batch=TriggerBatch(queue),
            get_statistics=GetStatistics(
                collect_metrics,
                BatchSize(persistence.batch_settings, 50, clock, timedelta(seconds=5)),
                BatchRules(enabled=True, max_concurrent=4),
            ),
            list_orphans=ListOrphans(persistence.reports, clock),
            list_failures=ListFailures(persistence.reports),
            retry_failure=RetryFailure(snapshots, requeue),
            delete_record=DeleteRecord(transaction, cache, clock),
            watch_records=WatchRecords(live, persistence.event_log, follow_events),
            issue_ticket=IssueTicket(persistence.tickets, ids, clock),
            redeem_ticket=RedeemTicket(persistence.tickets, clock),
            register_user=RegisterUser(transaction),
            receive_upload=ReceiveUpload(snapshots, storage, verify, starter, queue),
            import_songs=ImportSongs(transaction),
            process_upload=a_process(persistence, storage, converter, live, clock, heartbeat=LEASE / 3),
            sweep=Sweep(
                leases,
                persistence.arrivals,
                SweepSteps(transaction, storage, verify, clock, lambda: 1.0),
                queue,
                clock,
                timedelta(hours=24),
            ),
            sweep_objects=SweepObjects(
                FindStrays(persistence.arrivals, storage), storage, clock, timedelta(hours=24)
            ),
            relay_events=relay_events,
            follow_events=follow_events,
            prune_events=PruneEvents(
                persistence.event_log,
                persistence.cursors,
                persistence.histories,
                clock,
                subscriber_names,
                timedelta(days=30),
            ),
            check_event_log=CheckEventLog(persistence.histories),
            list_endpoints=ListWebhooks(endpoints),
            get_endpoint=GetWebhook(endpoints),
            add_endpoint=AddWebhook(endpoints, events, poster, ids, clock),
            change_endpoint=ChangeWebhook(endpoints, events, cursors, poster),
            rotate_secret=RotateWebhookSecret(endpoints, ids, clock),
            remove_endpoint=RemoveWebhook(endpoints),
            list_deliveries=ListWebhookDeliveries(endpoints, deliveries),
            replay_delivery=ReplayWebhookDelivery(endpoints, deliveries, cursors, clock),
            replay_events=ReplayWebhookEvents(endpoints, events, cursors, clock),
            deliver_webhooks=DeliverWebhooks(
                events, cursors, endpoints, deliveries, poster, clock, "this process"
            ),
        )
        yield House(use_cases, clock, persistence, storage, converter, queue, poster, waits, started)
