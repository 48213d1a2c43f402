"""The use cases on in-memory adapters and a frozen clock."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from orak.adapters.cache.memory import MemoryCache
from orak.adapters.clock.frozen import FrozenClock
from orak.adapters.ids.sequential import SequentialIds
from orak.adapters.live.memory import MemoryLive
from orak.adapters.measurements.shared import SharedMeasurements
from orak.adapters.persistence.memory.database import MemoryPersistence
from orak.adapters.storage.memory import MemoryStorage
from orak.adapters.traces.none import NoTraces
from orak.adapters.webhooks.requests import webhook_request
from orak.application.conversion.convert_upload import ConversionRules
from orak.application.operators.get_statistics import BatchRules
from orak.application.ports.cdn_cache import CdnCache
from orak.application.ports.converter import ConversionOrder
from orak.application.ports.failures import Unavailable
from orak.application.ports.poster import ForbiddenAddress, Posted
from orak.application.records.create_record import NewRecord
from orak.application.uploads.request_upload import NewUpload
from orak.application.use_cases import Policies, Ports, UseCases, build_use_cases
from orak.application.waits import Waits
from orak.domain.actor import Actor
from orak.domain.audio import AudioProfile, Conversion, Loudness, LoudnessLimit
from orak.domain.events import LoggedEvent
from orak.domain.identity import UploadId, UserId
from orak.domain.policies.records import RecordPolicy
from orak.domain.policies.uploads import UploadPolicy
from orak.domain.record import RecordSnapshot
from orak.domain.upload import Upload
from orak.domain.webhooks import Endpoint

OWNER = Actor(UserId(1))
OTHER_USER = Actor(UserId(2))
LEASE = timedelta(seconds=30)

POLICIES = Policies(
    uploads=UploadPolicy(max_bytes=1000, max_duration_seconds=3600),
    records=RecordPolicy(max_duration_seconds=3600),
    conversion=ConversionRules(AudioProfile.AAC_128, 3600),
    url_life=timedelta(minutes=15),
    immediate_wait=timedelta(milliseconds=300),
    lease=LEASE,
    heartbeat=LEASE / 3,
    orphan_retention=timedelta(hours=24),
    event_retention=timedelta(days=30),
    batch=BatchRules(enabled=True, max_concurrent=4),
    batch_size=50,
    batch_interval=timedelta(seconds=30),
    webhook=None,
    process_name="this process",
)


class SelfAdvancingClock(FrozenClock):
    """A frozen clock that `sleep` moves forward instead of waiting."""

    async def sleep(self, seconds: float) -> None:
        self.advance(timedelta(seconds=seconds))
        await super().sleep(0)


class CopyingConverter:
    """A converter that copies the bytes without decoding, and raises the errors that a test sets."""

    def __init__(self) -> None:
        self.errors: list[BaseException] = []
        self.converted: list[bytes] = []

    async def convert(self, order: ConversionOrder, progress: Callable[[float], None]) -> Conversion:
        progress(0.5)
        for _ in range(20):  # long enough for other tasks to run in between
            await asyncio.sleep(0)
        if self.errors:
            raise self.errors.pop(0)
        source = order.source.read_bytes()
        self.converted.append(source)
        order.audio.write_bytes(b"converted " + source)
        order.waveform.write_text("{}")
        progress(1.0)
        return Conversion(12.9, Loudness(-20.0, -14.0, -1.5, LoudnessLimit.HEADROOM))


class UnavailableStorage:
    """A store that raises `Unavailable`."""

    async def head(self, _key):
        raise Unavailable("the store does not answer")

    delete = head


class CountingQueue:
    """A queue that counts wake-ups and sends none."""

    def __init__(self) -> None:
        self.woken = 0
        self.later: list[datetime] = []

    async def wake(self) -> None:
        self.woken += 1

    def wake_at(self, due: datetime) -> None:
        self.later.append(due)


class Receivers:
    """The receivers of webhooks: each URL answers with the status that a test sets."""

    def __init__(self) -> None:
        self.answers: dict[str, int | None] = {}
        self.retry_after: str | None = None
        self.posts: list[tuple[str, dict[str, str], bytes]] = []

    async def check(self, url: str) -> None:
        if "private" in url:
            raise ForbiddenAddress("a private address")

    async def post(self, endpoint: Endpoint, logged: LoggedEvent, *, at: datetime) -> Posted:
        await asyncio.sleep(0)
        headers, body = webhook_request(endpoint, logged, at=at, agent="orak/test")
        self.posts.append((endpoint.url, headers, body))
        status = self.answers.get(endpoint.url, 204)
        return Posted(status, "" if status else "no answer", self.retry_after)


@dataclass
class MemoryOrak:
    """The use cases, and the adapters that a test may inspect."""

    use_cases: UseCases
    clock: FrozenClock
    persistence: MemoryPersistence
    storage: MemoryStorage
    converter: CopyingConverter
    queue: CountingQueue
    poster: "Receivers"
    waits: Waits
    measurements: SharedMeasurements
    started: list[UploadId] = field(default_factory=list)

    async def request(
        self, actor: Actor = OWNER, *, content: bytes = b"abc", name: str = "take.webm"
    ) -> Upload:
        signed = await self.use_cases.request_upload(actor, NewUpload(name, len(content), "audio/webm"))
        return signed.upload

    async def put_bytes(
        self, upload: Upload, content: bytes = b"abc", content_type: str = "audio/webm"
    ) -> None:
        """Put bytes into the store without telling orak."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            await self.storage.publish(upload.key, Path(file.name), content_type=content_type)

    async def upload(self, actor: Actor = OWNER, content: bytes = b"abc") -> Upload:
        upload = await self.request(actor, content=content)
        await self.put_bytes(upload, content)
        return await self.use_cases.receive_upload(upload.key)

    async def create(self, upload: Upload, actor: Actor = OWNER, title: str = "첫 노래") -> RecordSnapshot:
        return await self.use_cases.create_record(actor, NewRecord(title, upload.id))

    async def row(self, upload: Upload) -> Upload:
        async with self.persistence.transaction() as tx:
            return await tx.uploads.get(upload.id)


class _NotWaited:
    runs_here = False
    found_no_slot = True

    async def wait(self, seconds: float) -> None: ...


@asynccontextmanager
async def a_memory_orak(
    clock: FrozenClock | None = None, *, cdn_cache: CdnCache | None = None
) -> AsyncIterator[MemoryOrak]:
    """Build the use cases. Nothing converts by itself: starter and queue only record their calls."""
    clock = clock or SelfAdvancingClock()
    storage = MemoryStorage("http://orak.test", b"k" * 32, clock)
    converter, queue, poster = CopyingConverter(), CountingQueue(), Receivers()
    measurements = SharedMeasurements()
    started: list[UploadId] = []

    class Starter:
        async def start(self, upload_id: UploadId) -> _NotWaited:
            started.append(upload_id)
            return _NotWaited()

    async with MemoryPersistence.open(clock=clock, lease=LEASE) as persistence:
        ports = Ports(
            transaction=persistence.transaction,
            snapshots=persistence.snapshots,
            intake=persistence.intake,
            record_intake=persistence.record_intake,
            leases=persistence.leases,
            arrivals=persistence.arrivals,
            event_log=persistence.event_log,
            cursors=persistence.cursors,
            histories=persistence.histories,
            idempotency_keys=persistence.idempotency_keys,
            tickets=persistence.tickets,
            endpoints=persistence.endpoints,
            deliveries=persistence.deliveries,
            reports=persistence.reports,
            batch_settings=persistence.batch_settings,
            batch_log=persistence.batch_log,
            storage=storage,
            incomplete_uploads=storage,
            converter=converter,
            workspace=partial(tempfile.TemporaryDirectory, prefix="orak-test-"),
            starter=Starter(),
            queue=queue,
            cache=MemoryCache(clock),
            live=MemoryLive(),
            event_bus=None,
            cdn_cache=cdn_cache,
            poster=poster,
            clock=clock,
            ids=SequentialIds(),
            chance=lambda: 1.0,
            measurements=measurements,
            traces=NoTraces(),
            waits=Waits(),
        )
        use_cases = build_use_cases(ports, POLICIES)
        yield MemoryOrak(
            use_cases,
            clock,
            persistence,
            storage,
            converter,
            queue,
            poster,
            ports.waits,
            measurements,
            started,
        )
