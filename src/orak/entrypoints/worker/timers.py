"""Work that a process repeats at intervals."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from orak.application.ports.clock import Clock
from orak.application.ports.failures import Unavailable
from orak.application.use_cases import UseCases
from orak.entrypoints.settings.values import Settings
from orak.entrypoints.worker.batches import LOOK_SECONDS
from orak.entrypoints.worker.event_rounds import EventRounds

_EVENT_SECONDS = 0.5
_PRUNE_SECONDS = 6 * 3600.0
_DAILY_LOOK_SECONDS = 3600.0  # how often a process looks whether the daily work is due

_log = logging.getLogger(__name__)


class Timer:
    """A task that works at once and then every *seconds*, even after a failure.

    With *rounds*, it works in each of these instead.

    It warns of an outage once, and once more when the outage is over.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], Awaitable[object]],
        clock: Clock,
        *,
        seconds: float,
        rounds: EventRounds | None = None,
    ) -> None:
        self._name = name
        self._work = work
        self._clock = clock
        self._seconds = seconds
        self._rounds = rounds
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    def start(self) -> None:
        """Start the task. Call this once, on the event loop."""
        self._task = asyncio.create_task(self._run(), name=self._name)

    async def stop(self) -> None:
        """Stop the task, in the middle of its work if necessary."""
        self._stopping = True  # ends the loop even if the work turns its cancellation into a failure
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})  # unlike awaiting the task, this can be cancelled

    async def _run(self) -> None:
        interrupted = False
        while not self._stopping:
            begun = 0 if self._rounds is None else self._rounds.begun
            try:
                await self._work()
                if interrupted:
                    _log.warning(
                        "%s: works again", self._name, extra={"event": "recovery", "part": self._name}
                    )
                interrupted = False
            except Unavailable as outage:
                level = logging.DEBUG if interrupted else logging.WARNING
                _log.log(
                    level,
                    "%s: %s; next try in %g s",
                    *(self._name, outage, self._seconds),
                    extra={"event": "outage", **self._next_try(), "reason": str(outage)},
                )
                interrupted = True
            except Exception:  # noqa: BLE001 - a bug in one round must not end all rounds
                _log.exception(
                    "%s failed; next try in %g s",
                    *(self._name, self._seconds),
                    extra={"event": "background_error", **self._next_try()},
                )
            if self._rounds is None:
                await self._clock.sleep(self._seconds)
            else:
                await self._rounds.after(begun)

    def _next_try(self) -> dict[str, object]:
        return {"part": self._name, "retrySeconds": self._seconds}


def event_interval(settings: Settings) -> float:
    """Return the seconds between two looks at the event log of a process that hears only of its own events.

    Events do not wait for the sweep: a deleted record stays public until its event is relayed.
    """
    return min(_EVENT_SECONDS, settings.sweep_interval_ms / 1000)


def timers_for(
    use_cases: UseCases,
    settings: Settings,
    clock: Clock,
    *,
    rounds: EventRounds,
    look_for_batch: Callable[[], Awaitable[None]],
    wake: Callable[[], Awaitable[None]],
    daily_sweep: Callable[[], Awaitable[None]],
    serves: bool,
    background: bool,
) -> list[Timer]:
    """Return the timers of a process that *serves*, works in the *background*, or both."""
    sweep_seconds, event_seconds = settings.sweep_interval_ms / 1000, event_interval(settings)
    timers = [
        Timer(f"relay to {relay.subscriber.name}", relay, clock, seconds=event_seconds, rounds=rounds)
        for relay in use_cases.relay_events.relays
    ]
    if serves:
        timers.append(Timer("live", use_cases.follow_events, clock, seconds=event_seconds, rounds=rounds))
    if background:
        timers += [
            Timer("sweep", use_cases.sweep, clock, seconds=sweep_seconds),
            Timer("webhooks", use_cases.deliver_webhooks, clock, seconds=event_seconds, rounds=rounds),
            Timer("prune", use_cases.prune_events, clock, seconds=_PRUNE_SECONDS),
            Timer("prune keys", use_cases.prune_idempotency_keys, clock, seconds=_PRUNE_SECONDS),
            Timer("daily sweep", daily_sweep, clock, seconds=_DAILY_LOOK_SECONDS),
        ]
    if background and settings.batch_enabled:
        look_seconds = min(LOOK_SECONDS, settings.batch_interval_ms / 1000)
        timers.append(Timer("batch", look_for_batch, clock, seconds=look_seconds))
    elif background and settings.workers:
        # Only events start conversions then. An upload whose message was lost must not wait forever.
        timers.append(Timer("wake-up", wake, clock, seconds=settings.batch_interval_ms / 1000))
    return timers
