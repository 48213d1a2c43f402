"""The drivers of background work: timers, wake-ups from Redis, and messages from SQS."""

from contextlib import suppress
from functools import partial

from orak.adapters.persistence import Persistence
from orak.adapters.queues.inline import InlineQueue
from orak.application.ports.failures import Unavailable
from orak.application.ports.queue import Queue
from orak.application.use_cases import UseCases
from orak.entrypoints.container import Container
from orak.entrypoints.opening import Close, blaming, made
from orak.entrypoints.worker.batches import Batches
from orak.entrypoints.worker.daily_sweep import DailySweep
from orak.entrypoints.worker.event_rounds import EventRounds
from orak.entrypoints.worker.sqs_consumer import SqsConsumer
from orak.entrypoints.worker.sqs_messages import MessageHandler
from orak.entrypoints.worker.timers import event_interval, timers_for


async def start_background(
    container: Container, use_cases: UseCases, closing: list[Close], *, serves: bool, background: bool
) -> None:
    """Start the background work of a process that *serves*, works in the *background*, or both.

    Append the calls that stop it to *closing*.
    """
    settings, clock = container.settings(), container.clock()
    pool, slots = container.pool(), await made(container.starter)
    closing.append(use_cases.deliver_webhooks.close)
    ports = await made(container.ports)
    batches = Batches(use_cases.batch_schedule, pool.run_batch, ports.batch_log, ports.measurements)
    closing.append(batches.close)
    pool.open(use_cases.process_upload)
    closing.append(partial(_hand_over, pool, ports.queue))
    slots.open(use_cases.process_upload)
    closing.append(slots.close)
    with suppress(Unavailable):  # then subscribers begin with the events after the outage
        await use_cases.relay_events.begin()
    persistence: Persistence = await made(container.persistence)
    backlog, daily_work = use_cases.event_backlog, persistence.daily_work
    rounds = EventRounds(
        persistence.event_signal, lambda: backlog.is_empty, clock, seconds=event_interval(settings)
    )
    closing.append(rounds.close)
    for timer in timers_for(
        use_cases,
        settings,
        clock,
        rounds=rounds,
        look_for_batch=batches.look,
        wake=pool.wake,
        daily_sweep=DailySweep(use_cases.sweep_objects, daily_work, clock),
        serves=serves,
        background=background,
    ):
        timer.start()
        closing.append(timer.stop)
    if not serves and settings.redis_url is not None and settings.workers:
        with blaming("REDIS_URL"):
            from orak.entrypoints.worker.taskiq_listener import listening  # noqa: PLC0415 - taskiq is an extra

        wake_ups = listening(settings.redis_url, await made(container.redis), pool, ports.queue.wake)
        await wake_ups.__aenter__()
        closing.append(partial(wake_ups.__aexit__, None, None, None))
    if background and settings.sqs_queue_url is not None:
        handler = MessageHandler(use_cases.receive_upload, ports.queue.wake, settings.s3_bucket_name)
        messages = await made(container.messages)
        closing.append(container.messages.shutdown)
        consumer = SqsConsumer(messages, handler, clock)
        consumer.start()
        closing.append(consumer.stop)


async def _hand_over(pool: InlineQueue, queue: Queue) -> None:
    """Stop the conversions of this process, and wake another process for each."""
    for _ in range(await pool.close()):
        await queue.wake()
