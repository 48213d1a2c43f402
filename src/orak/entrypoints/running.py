"""A running orak: everything the settings ask for, opened, started, and closed again."""

import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from orak.application.convert_upload import ConversionRules
from orak.application.operators.get_statistics import BatchRules
from orak.application.ports.clock import Clock
from orak.application.ports.failures import Unavailable
from orak.application.ports.leases import Leases
from orak.application.ports.object_server import ObjectServer
from orak.application.ports.public_media import PublicMedia
from orak.application.ports.storage import Storage
from orak.application.ports.tokens import Tokens
from orak.application.use_cases import Policies, UseCases, build_use_cases
from orak.application.waits import Waits
from orak.domain.identity import ObjectKey
from orak.domain.policies.records import RecordPolicy
from orak.domain.policies.uploads import UploadPolicy
from orak.domain.webhooks import CONFIGURED, Endpoint
from orak.entrypoints.container import Container
from orak.entrypoints.opening import Close, made, opened
from orak.entrypoints.settings.sources import LoadedSettings
from orak.entrypoints.settings.values import Settings
from orak.entrypoints.worker.timers import timers_for

if TYPE_CHECKING:
    from orak.adapters.redis.link import RedisLink

_BATCH_SIZE_MAX_AGE = timedelta(seconds=5)


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
    leases: Leases
    storage: Storage
    end_conversion_waits: Callable[[], None]
    waits: Waits
    redis: "RedisLink | None" = None
    """None without REDIS_URL."""

    def end_waits(self) -> None:
        """Answer at once every call that waits for something. Call this when shutdown begins."""
        self.waits.end()
        self.end_conversion_waits()

    async def failing_parts(self) -> list[str]:
        """Return the names of the parts that do not answer; empty if orak is ready."""
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
        # A Redis that never answered is probably a wrong REDIS_URL. One that went away makes orak slower;
        # taking every server out of service for it would turn that into an outage.
        if self.redis is not None and not self.redis.has_answered and not await self.redis.answers():
            failing.append("redis")
        return failing

    async def degraded_parts(self) -> list[str]:
        """Return the names of the parts that do not answer and without which orak is only slower."""
        return [] if self.redis is None or await self.redis.answers() else ["redis"]


@asynccontextmanager
async def run(settings: Settings, *, serves: bool = True) -> AsyncIterator[Running]:
    """Open and start what *settings* ask for; close it in reverse order when the block ends.

    A process that *serves* converts in the background too, unless REDIS_URL says that workers do. SQLite is
    migrated first, and PostgreSQL if `db_auto_upgrade` is set. While PostgreSQL does not answer, calls raise
    `Unavailable`.

    Raises:
        InvalidSetting: an adapter cannot work with its settings.
    """
    background = not serves or settings.redis_url is None
    container = Container(
        settings=settings,
        workers=settings.workers if background else 0,
        wakes="inline" if background else "redis",
        patient=True,
    )
    # In this order: jobs end before what they need closes.
    parts = (
        container.persistence,
        container.storage,
        container.workspaces,
        container.converter,
        container.redis,
        container.live,
        container.queue,
        container.poster,
        container.event_bus,
    )
    async with opened(*parts) as closing:
        ports = await made(container.ports)
        use_cases = build_use_cases(ports, policies_of(settings))
        await _start(container, use_cases, closing, serves=serves, background=background)
        storage, slots = await made(container.storage), await made(container.starter)
        yield Running(
            use_cases=use_cases,
            tokens=await made(container.tokens),
            object_server=None if settings.storage_kind == "s3" else storage,
            media=storage,
            clock=ports.clock,
            settings=settings,
            leases=ports.leases,
            storage=storage,
            waits=ports.waits,
            end_conversion_waits=slots.end_waits,
            redis=await made(container.redis),
        )


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
    async with opened(*(container.providers[name] for name in names)):
        yield container


def policies_of(settings: Settings) -> Policies:
    """Return the limits that *settings* set."""
    return Policies(
        uploads=UploadPolicy(settings.max_upload_bytes, settings.max_duration_seconds),
        records=RecordPolicy(settings.max_duration_seconds),
        conversion=ConversionRules(settings.audio_profile, settings.max_duration_seconds),
        url_life=timedelta(seconds=settings.presign_ttl_seconds),
        immediate_wait=timedelta(milliseconds=settings.immediate_wait_ms),
        lease=timedelta(seconds=settings.lease_seconds),
        heartbeat=timedelta(seconds=settings.heartbeat_seconds),
        orphan_retention=timedelta(hours=settings.orphan_retention_hours),
        event_retention=settings.retention_of_events,
        batch=BatchRules(settings.batch_enabled, min(settings.batch_max_concurrent, settings.cores)),
        batch_size=settings.batch_size,
        batch_size_max_age=min(_BATCH_SIZE_MAX_AGE, timedelta(milliseconds=settings.batch_interval_ms)),
        webhook=_configured_webhook(settings),
        # A process id alone is the same in every container.
        process_name=f"{socket.gethostname()[:60]}-{os.getpid()}-{secrets.token_hex(4)}",
    )


def _configured_webhook(settings: Settings) -> Endpoint | None:
    if settings.webhook_url is None or settings.webhook_secret is None:
        return None
    return Endpoint(
        CONFIGURED, settings.webhook_url, settings.webhook_secret, datetime(1970, 1, 1, tzinfo=UTC)
    )


async def _start(
    container: Container, use_cases: UseCases, closing: list[Close], *, serves: bool, background: bool
) -> None:
    """Start what drives the use cases by itself, and note in *closing* how to stop it."""
    settings = container.settings()
    pool, slots, clock = container.pool(), await made(container.starter), container.clock()
    closing.append(use_cases.deliver_webhooks.close)
    pool.open(use_cases.process_upload, batch_size=use_cases.batch_size.recent)
    closing.append(pool.close)
    slots.open(use_cases.process_upload)
    closing.append(slots.close)
    with suppress(Unavailable):  # then subscribers begin with the events after the outage
        await use_cases.relay_events.begin()
    for timer in timers_for(use_cases, settings, clock, pool.wake, serves=serves, background=background):
        timer.start()
        closing.append(timer.stop)
    if not serves and settings.redis_url is not None and settings.workers:
        from orak.entrypoints.worker.taskiq_listener import listening  # noqa: PLC0415 - taskiq is an extra

        await _enter(listening(settings.redis_url, await made(container.redis), pool), closing)
    if background and settings.sqs_queue_url is not None:
        from orak.entrypoints.worker.sqs_consumer import SqsConsumer  # noqa: PLC0415 - aioboto3 is an extra
        from orak.entrypoints.worker.sqs_messages import MessageHandler  # noqa: PLC0415

        messages = await made(container.messages)
        closing.append(container.messages.shutdown)
        handler = MessageHandler(use_cases.receive_upload, pool.wake, settings.s3_bucket_name)
        consumer = SqsConsumer(messages, handler, clock)
        consumer.start()
        closing.append(consumer.stop)


async def _enter(context: AbstractAsyncContextManager[object], closing: list[Close]) -> None:
    await context.__aenter__()
    closing.append(partial(context.__aexit__, None, None, None))
