import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from orak.application.event_backlog import EventBacklog
from orak.application.ports.clock import Clock
from orak.application.ports.cursors import Cursors, SetAside
from orak.application.ports.event_log import EventLog, EventPage
from orak.application.ports.failures import Unavailable
from orak.application.ports.measurements import Measurements
from orak.application.ports.metrics import subscriber_label
from orak.application.ports.subscribers import PageOutcome, StartPosition, Subscriber
from orak.domain.events import EventType, LoggedEvent
from orak.domain.identity import UploadId
from orak.domain.policies.retries import relay_backoff

_log = logging.getLogger(__name__)

_PAGE = 100

_RENEW_SECONDS = 5.0

_HOLD = timedelta(seconds=15)
"""How long the hold of a dead process blocks the other processes."""


@dataclass(slots=True)
class OutboxRelay:
    """Passes every event that one subscriber wants to it.

    One process at a time does so; if it dies, another takes over.

    An event that the subscriber cannot act on is set aside and tried again. It delays no other event, or only
    those of its upload. If nothing works, the subscriber rests at its position for a while.
    """

    event_log: EventLog
    cursors: Cursors
    backlog: EventBacklog
    subscriber: Subscriber
    clock: Clock
    measurements: Measurements
    holder: str
    """The name of this process, unique among all processes."""
    has_begun: bool = field(init=False, default=False)
    """Whether the subscriber is known to have a cursor."""
    _is_holding: bool = field(init=False, default=False)
    _rests_until: datetime | None = field(init=False, default=None)
    _outages: int = field(init=False, default=0)
    _types: frozenset[EventType] | None = field(init=False, default=None)

    async def __call__(self) -> int:
        """Read on from the subscriber's cursor; return how many events were acted on.

        Raise `Unavailable` if the database cannot be reached.
        """
        now = self.clock.now()
        if self._rests_until is not None and now < self._rests_until:
            return 0
        self._rests_until = None
        if not self.has_begun:
            await self.begin()
        work = (await self.backlog()).work_of(self.subscriber.name)
        if work is None:
            return 0
        acted_on = 0
        if work.is_overdue:
            acted_on += await self._read_deferred()
        if work.is_behind:
            acted_on += await self._read_new(work.position)
        # If the process stops before this, the hold runs out by itself; shutdown does not wait to release it.
        await self._release_hold()
        if acted_on:
            _log.info(
                "%s received %d events",
                *(self.subscriber.name, acted_on),
                extra={
                    "event": "relay",
                    "subscriber": self.subscriber.name,
                    "size": acted_on,
                    "durationMs": round((self.clock.now() - now) / timedelta(milliseconds=1)),
                },
            )
        return acted_on

    async def begin(self) -> None:
        """Create the subscriber's cursor where it starts, unless it exists.

        Raise `Unavailable`.
        """
        if self.subscriber.begins is not StartPosition.GIVEN:
            begin = 0
            if self.subscriber.begins is StartPosition.NEXT:
                await self.event_log.number()  # so that earlier events get positions before the cursor
                begin = await self.event_log.last()
            await self.cursors.begin(self.subscriber.name, begin)
        self.has_begun = True

    async def _hold(self, until: datetime | None = None) -> int | None:
        """Hold the subscriber and return its position; None if another process holds it."""
        now = self.clock.now()
        position = await self.cursors.hold(
            self.subscriber.name, self.holder, at=now, until=until or now + _HOLD
        )
        self._is_holding = position is not None
        return position

    async def _release_hold(self) -> None:
        if self._rests_until is not None:  # no other process needs to try during the rest
            await self._hold(self._rests_until)
        elif self._is_holding:
            await self.cursors.let_go(self.subscriber.name, self.holder)
        self._is_holding = False

    async def _read_deferred(self) -> int:
        """Pass the set-aside events that are due; return how many were acted on."""
        acted_on = 0
        while self._rests_until is None and await self._hold() is not None:
            overdue = await self.cursors.deferred(
                self.subscriber.name, self.clock.now(), _PAGE, in_order=self.subscriber.in_order
            )
            if not overdue:
                break
            page = [deferred.logged for deferred in overdue]
            outcome = await self._act(page)
            again = self._set_aside(page, outcome, {d.logged.position: d.tries for d in overdue})
            done = _positions(_tried(page, outcome)) - {aside.position for aside in again}
            await self.cursors.settle(self.subscriber.name, done, again, holder=self.holder)
            self._measure(page, outcome)
            acted_on += _acted_on(page, outcome)
        return acted_on

    async def _read_new(self, position: int) -> int:
        """Pass the events after the cursor, which is at *position*; return how many were acted on."""
        acted_on = 0
        while self._rests_until is None:
            page = await self._read_page(position)
            if page.events:
                held_at = await self._hold()
                if held_at is None:
                    break
                if held_at == position:
                    acted_on += await self._pass(page)
                    position = page.end
                else:  # another process has read on
                    position = held_at
            else:
                # Any process may pass over events that the subscriber does not want, so it is not held.
                if page.end > position:
                    await self.cursors.advance(self.subscriber.name, page.end)
                    position = page.end
                if page.is_last:
                    break
        return acted_on

    async def _pass(self, page: EventPage) -> int:
        """Pass a page, and move the cursor behind what was tried; return how many were acted on."""
        blocked = await self._blocked_uploads(page.events)
        free = [logged for logged in page.events if logged.upload_id not in blocked]
        outcome = await self._act(free) if free else PageOutcome()
        tried = _tried(free, outcome)
        reached, end = page.events, page.end
        if outcome.unread:
            # The cursor moves up to the first event that was not tried, over the blocked events before it.
            reached = [n for n in reached if n.position < free[len(tried)].position]
            if not reached:
                return 0
            end = reached[-1].position
        aside = self._set_aside(tried, outcome, {})
        now = self.clock.now()
        aside += [SetAside(n.position, n.upload_id, now) for n in reached if n.upload_id in blocked]
        await self.cursors.advance(self.subscriber.name, end, aside, holder=self.holder)
        self._measure(free, outcome)
        return _acted_on(free, outcome)

    async def _read_page(self, position: int) -> EventPage:
        """Return the next events that the subscriber wants."""
        types = await self.subscriber.event_types() if self._types is None else self._types
        while True:
            page = await self.event_log.page(position, _PAGE, types)
            self._types = await self.subscriber.event_types()
            if self._types == types:
                return page
            types = self._types

    async def _blocked_uploads(self, page: Sequence[LoggedEvent]) -> frozenset[UploadId]:
        if not self.subscriber.in_order:
            return frozenset()
        return await self.cursors.blocked(self.subscriber.name, {logged.upload_id for logged in page})

    def _set_aside(
        self, page: Sequence[LoggedEvent], outcome: PageOutcome, tries: Mapping[int, int]
    ) -> list[SetAside]:
        now, aside = self.clock.now(), []
        for logged in _tried(page, outcome):
            if logged.position in outcome.failed:
                failures = tries.get(logged.position, 0) + 1
                due_at = now + max(relay_backoff(failures), outcome.rest)
                aside.append(SetAside(logged.position, logged.upload_id, due_at, failures))
            elif logged.position in outcome.untried:
                failures = tries.get(logged.position, 0)
                aside.append(SetAside(logged.position, logged.upload_id, now, failures))
            elif again := outcome.later.get(logged.position):
                aside.append(SetAside(logged.position, logged.upload_id, now + again))
        return aside

    def _measure(self, page: Sequence[LoggedEvent], outcome: PageOutcome) -> None:
        """Measure how old the events of a page were when the subscriber had handled them."""
        now, name = self.clock.now(), self.subscriber.name
        label = subscriber_label(name)
        open_ones = {*outcome.failed, *outcome.untried, *outcome.later}
        for logged in _tried(page, outcome):
            if logged.position not in open_ones:
                seconds = (now - logged.event.at).total_seconds()
                self.measurements.observe("orak_event_relay_seconds", seconds, subscriber=label)

    async def _act(self, page: Sequence[LoggedEvent]) -> PageOutcome:
        """Pass a page to the subscriber; after a bug, pass its events one by one."""
        try:
            outcome = await self._read_while_held(page)
        except Unavailable as outage:
            _log.warning(
                "%s: %s",
                *(self.subscriber.name, outage),
                extra={"event": "relay_error", "subscriber": self.subscriber.name, "reason": str(outage)},
            )
            outcome = PageOutcome(unread=len(page))
        except Exception:  # noqa: BLE001 - a bug in one subscriber must not stop the others
            _log.exception(
                "%s failed between events %d and %d",
                *(self.subscriber.name, page[0].position, page[-1].position),
                extra={
                    "event": "relay_error",
                    "subscriber": self.subscriber.name,
                    "position": page[0].position,
                },
            )
            if len(page) == 1:
                return PageOutcome(failed={page[0].position})
            return await self._act_one_by_one(page)
        rest = outcome.rest
        if outcome.unread or outcome.is_down:
            self._outages += 1
            rest = max(rest, min(relay_backoff(self._outages), self.subscriber.longest_rest))
        else:
            self._outages = 0
        if rest:
            self._rests_until = self.clock.now() + rest
        return outcome

    async def _read_while_held(self, page: Sequence[LoggedEvent]) -> PageOutcome:
        """Let the subscriber read a page, and renew the hold meanwhile."""
        reading = asyncio.ensure_future(self.subscriber.read(page))
        try:
            while not (await asyncio.wait({reading}, timeout=_RENEW_SECONDS))[0]:
                if await self._hold() is None:
                    raise Unavailable("another process reads by now, or the subscriber was removed")
            return await reading
        finally:
            reading.cancel()
            await asyncio.wait({reading})

    async def _act_one_by_one(self, page: Sequence[LoggedEvent]) -> PageOutcome:
        failed: set[int] = set()
        untried: set[int] = set()
        later: dict[int, timedelta] = {}
        blocked: set[UploadId] = set()
        for index, logged in enumerate(page):
            if self.subscriber.in_order and logged.upload_id in blocked:
                failed.add(logged.position)
                continue
            outcome = await self._act([logged])
            if outcome.unread:
                return PageOutcome(failed, untried, later, len(page) - index)
            if outcome.failed:
                blocked.add(logged.upload_id)
            failed |= set(outcome.failed)
            untried |= set(outcome.untried)
            later |= outcome.later
        return PageOutcome(failed, untried, later)


def _tried(page: Sequence[LoggedEvent], outcome: PageOutcome) -> Sequence[LoggedEvent]:
    return page[: len(page) - outcome.unread]


def _acted_on(page: Sequence[LoggedEvent], outcome: PageOutcome) -> int:
    return len(_tried(page, outcome)) - len(outcome.failed) - len(outcome.untried)


def _positions(page: Sequence[LoggedEvent]) -> set[int]:
    return {logged.position for logged in page}
