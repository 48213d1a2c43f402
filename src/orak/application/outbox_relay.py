import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from orak.application.ports.clock import Clock
from orak.application.ports.cursors import Cursors, SetAside
from orak.application.ports.event_log import EventLog
from orak.application.ports.failures import Unavailable
from orak.application.ports.subscribers import PageOutcome, StartPosition, Subscriber
from orak.domain.events import LoggedEvent
from orak.domain.identity import UploadId
from orak.domain.policies.retries import relay_backoff

_log = logging.getLogger(__name__)

_PAGE = 100

_RENEW_SECONDS = 5.0

_HOLD = timedelta(seconds=15)
"""How long the hold of a dead process blocks the other processes."""


@dataclass(slots=True)
class OutboxRelay:
    """Passes every event to one subscriber.

    One process at a time does so; if it dies, another takes over.

    An event that the subscriber cannot act on is set aside and tried again. It delays no other event, or only
    those of its upload. If nothing works, the subscriber rests at its position for a while.
    """

    event_log: EventLog
    cursors: Cursors
    subscriber: Subscriber
    clock: Clock
    holder: str
    """The name of this process, unique among all processes."""
    _rests_until: datetime | None = None
    _outages: int = 0
    _has_begun: bool = False

    async def __call__(self) -> int:
        """Read on from the subscriber's cursor; return how many events were acted on.

        Raise `Unavailable` if the database cannot be reached.
        """
        now = self.clock.now()
        if self._rests_until is not None and now < self._rests_until:
            return 0
        self._rests_until = None
        await self.event_log.number()
        if not self._has_begun:
            await self.begin()
        if not (await self.cursors.lag(self.subscriber.name, now)).has_work or await self._hold() is None:
            return 0
        # If the process stops here, the hold runs out by itself; shutdown does not wait to release it.
        acted_on = await self._read_deferred() + await self._read_new()
        await self._release_hold()
        return acted_on

    async def begin(self) -> None:
        """Create the subscriber's cursor where it starts, unless it exists.

        Raise `Unavailable`.
        """
        if self.subscriber.begins is not StartPosition.GIVEN:
            begin = await self.event_log.last() if self.subscriber.begins is StartPosition.NEXT else 0
            await self.cursors.begin(self.subscriber.name, begin)
        self._has_begun = True

    async def _hold(self, until: datetime | None = None) -> int | None:
        """Hold the subscriber and return its position; None if another process holds it."""
        now = self.clock.now()
        return await self.cursors.hold(self.subscriber.name, self.holder, at=now, until=until or now + _HOLD)

    async def _release_hold(self) -> None:
        if self._rests_until is None:
            await self.cursors.let_go(self.subscriber.name, self.holder)
        else:  # no other process needs to try during the rest
            await self._hold(self._rests_until)

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
            acted_on += _acted_on(page, outcome)
        return acted_on

    async def _read_new(self) -> int:
        """Pass the events after the cursor; return how many were acted on."""
        acted_on = 0
        while self._rests_until is None and (position := await self._hold()) is not None:
            page = await self.event_log.after(position, _PAGE)
            if not page:
                break
            blocked = await self._blocked_uploads(page)
            free = [logged for logged in page if logged.upload_id not in blocked]
            outcome = await self._act(free) if free else PageOutcome()
            tried = _tried(free, outcome)
            # The cursor moves up to the first event that was not tried, over the blocked events before it.
            reached = [n for n in page if not outcome.unread or n.position < free[len(tried)].position]
            if not reached:
                break
            aside = self._set_aside(tried, outcome, {})
            now = self.clock.now()
            aside += [SetAside(n.position, n.upload_id, now) for n in reached if n.upload_id in blocked]
            await self.cursors.advance(self.subscriber.name, reached[-1].position, aside, holder=self.holder)
            acted_on += _acted_on(free, outcome)
        return acted_on

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

    async def _act(self, page: Sequence[LoggedEvent]) -> PageOutcome:
        """Pass a page to the subscriber; after a bug, pass its events one by one."""
        try:
            outcome = await self._read_while_held(page)
        except Unavailable as outage:
            _log.warning("%s: %s", self.subscriber.name, outage)
            outcome = PageOutcome(unread=len(page))
        except Exception:  # noqa: BLE001 - a bug in one subscriber must not stop the others
            _log.exception(
                "%s failed between events %d and %d",
                self.subscriber.name,
                page[0].position,
                page[-1].position,
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
