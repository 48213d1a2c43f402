"""What EVENTBRIDGE_BUS_NAME and SQS_QUEUE_URL choose. Nothing of it is imported without them."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING

from msgspec.structs import replace

from orak.application.ports.clock import Clock
from orak.application.ports.cursors import Cursors
from orak.application.ports.event_log import EventLog
from orak.application.ports.failures import Unavailable
from orak.application.ports.queue import Queue
from orak.application.subscribers.publish_events import PublishEvents
from orak.application.uploads.receive_upload import ReceiveUpload
from orak.entrypoints.settings.checks import InvalidSetting
from orak.entrypoints.settings.values import Settings

if TYPE_CHECKING:
    from orak.adapters.aws.clients import AwsConfig
    from orak.adapters.aws.pathway import Pathway
    from orak.adapters.aws.setup import Setup
    from orak.adapters.events.eventbridge import EventBridge
    from orak.adapters.events.sqs import SqsQueue


def aws_place(settings: Settings) -> "AwsConfig":
    """Return where bus and queue are: with the bucket, unless another region or endpoint is named."""
    from orak.adapters.aws.clients import AwsConfig  # noqa: PLC0415

    return AwsConfig(
        settings.aws_region or settings.s3_region,
        settings.aws_endpoint_url,
        settings.aws_access_key_id,
        settings.aws_secret_access_key,
        settings.aws_session_token,
    )


@asynccontextmanager
async def open_event_bus(settings: Settings, clock: Clock) -> AsyncIterator["EventBridge"]:
    """Open the bus that EVENTBRIDGE_BUS_NAME names. Raise `InvalidSetting`."""
    with _usable("EVENTBRIDGE_BUS_NAME"):
        from orak.adapters.events.eventbridge import EventBridge  # noqa: PLC0415

        opening = EventBridge.open(aws_place(settings), settings.eventbridge_bus_name or "", clock)
    async with AsyncExitStack() as stack:
        with _usable("EVENTBRIDGE_BUS_NAME"):
            bus = await stack.enter_async_context(opening)
        yield bus


@asynccontextmanager
async def open_message_queue(settings: Settings) -> AsyncIterator["SqsQueue"]:
    """Open the queue that SQS_QUEUE_URL names. Raise `InvalidSetting`."""
    with _usable("SQS_QUEUE_URL"):
        from orak.adapters.events.sqs import SqsQueue  # noqa: PLC0415

        opening = SqsQueue.open(aws_place(settings), settings.sqs_queue_url or "")
    async with AsyncExitStack() as stack:
        with _usable("SQS_QUEUE_URL"):
            queue = await stack.enter_async_context(opening)
        yield queue


async def open_publisher(
    settings: Settings, event_log: EventLog, cursors: Cursors, clock: Clock
) -> AsyncIterator[PublishEvents | None]:
    """Open what publishes events on a bus; None without one."""
    if settings.eventbridge_bus_name is None:
        yield None
        return
    async with open_event_bus(settings, clock) as bus:
        publisher = PublishEvents(bus)
        with suppress(Unavailable):  # then it begins with what happens when the database is there
            await cursors.begin(
                publisher.name, await event_log.last()
            )  # at the next event it would be too late
        yield publisher


async def open_consumer(
    settings: Settings, *, receive: ReceiveUpload, pool: Queue, clock: Clock, background: bool
) -> AsyncIterator[None]:
    """Start the consumer of SQS_QUEUE_URL, if this process does *background* work."""
    if settings.sqs_queue_url is None or not background:
        yield None
        return
    async with open_message_queue(settings) as queue:
        from orak.entrypoints.worker.sqs_consumer import SqsConsumer  # noqa: PLC0415
        from orak.entrypoints.worker.sqs_messages import MessageHandler  # noqa: PLC0415

        handler = MessageHandler(receive, pool.wake, settings.s3_bucket_name)
        consumer = SqsConsumer(queue, handler, clock)
        consumer.start()
        yield None
        await consumer.stop()


@asynccontextmanager
async def open_setup(settings: Settings, pathway: "Pathway", *, dry_run: bool) -> AsyncIterator["Setup"]:
    """Open what makes the way of events. Raise `InvalidSetting`."""
    with _usable("EVENTBRIDGE_BUS_NAME"):
        from orak.adapters.aws.clients import open_service  # noqa: PLC0415
        from orak.adapters.aws.setup import Setup  # noqa: PLC0415
    place = aws_place(settings)
    async with AsyncExitStack() as stack:
        with _usable("AWS_REGION"):
            events = await stack.enter_async_context(open_service("events", place))
            sqs = await stack.enter_async_context(open_service("sqs", place))
            s3 = await stack.enter_async_context(open_service("s3", _bucket_place(settings, place)))
        yield Setup(events, sqs, s3, pathway, dry_run)


def _bucket_place(settings: Settings, place: "AwsConfig") -> "AwsConfig":
    return replace(
        place,
        region=settings.s3_region or place.region,
        endpoint_url=settings.s3_endpoint_url or place.endpoint_url,
    )


@contextmanager
def _usable(setting: str) -> Iterator[None]:
    """Raise `InvalidSetting` for what is not installed, or can be no place of AWS."""
    try:
        from orak.adapters.aws.clients import InvalidAwsConfig  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise InvalidSetting(
            setting, f"is set, and {error.name} is not installed", "pip install 'orak[aws]'"
        ) from error
    try:
        yield
    except InvalidAwsConfig as error:
        raise InvalidSetting(
            setting, f"cannot be used: {error}", "check it, AWS_REGION and AWS_ENDPOINT_URL"
        ) from error
