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

_AT_ONCE = 100

_RENEW_SECONDS = 5.0

_HOLD = timedelta(seconds=15)
"""For so long a process that died keeps others from reading on in its place."""


@dataclass(slots=True)
class OutboxRelay:
    """Hand every event to one reader. Of all processes one does so at a time, and another if it dies.

    An event that the reader cannot act on holds up no other, or none but its upload's: it is set aside and
    tried again. Only when nothing works, the reader stays where it is for a while.
    """

    event_log: EventLog
    cursors: Cursors
    subscriber: Subscriber
    clock: Clock
    holder: str
    """This process, unlike every other."""
    _rests_until: datetime | None = None
    _outages: int = 0
    _has_begun: bool = False

    async def __call__(self) -> int:
        """Read on from the reader's place; return how many events were acted on.

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
        # Whoever is stopped in here keeps its hold, which runs out; nobody waits for a shutdown.
        acted_on = await self._read_again() + await self._read_on()
        await self._end_round()
        return acted_on

    async def _end_round(self) -> None:
        if self._rests_until is None:
            await self.cursors.let_go(self.subscriber.name, self.holder)
        else:  # nobody else need try meanwhile
            await self._hold(self._rests_until)

    async def begin(self) -> None:
        """Create the subscriber's cursor where it starts, unless it exists. Raise `Unavailable`."""
        if self.subscriber.begins is not StartPosition.GIVEN:
            begin = await self.event_log.last() if self.subscriber.begins is StartPosition.NEXT else 0
            await self.cursors.begin(self.subscriber.name, begin)
        self._has_begun = True

    async def _hold(self, until: datetime | None = None) -> int | None:
        now = self.clock.now()
        return await self.cursors.hold(self.subscriber.name, self.holder, at=now, until=until or now + _HOLD)

    async def _read_again(self) -> int:
        acted_on = 0
        while self._rests_until is None and await self._hold() is not None:
            overdue = await self.cursors.deferred(
                self.subscriber.name, self.clock.now(), _AT_ONCE, in_order=self.subscriber.in_order
            )
            if not overdue:
                break
            page = [deferred.logged for deferred in overdue]
            reading = await self._act(page)
            again = self._set_aside(page, reading, {d.logged.position: d.tries for d in overdue})
            done = _positions(_tried(page, reading)) - {aside.position for aside in again}
            await self.cursors.settle(self.subscriber.name, done, again, holder=self.holder)
            acted_on += _acted_on(page, reading)
        return acted_on

    async def _read_on(self) -> int:
        acted_on = 0
        while self._rests_until is None and (place := await self._hold()) is not None:
            page = await self.event_log.after(place, _AT_ONCE)
            if not page:
                break
            waiting = await self._held_back(page)
            free = [logged for logged in page if logged.upload_id not in waiting]
            reading = await self._act(free) if free else PageOutcome()
            tried = _tried(free, reading)
            # Beyond what was tried the reader has not come, nor beyond what waits behind it.
            reached = [n for n in page if not reading.unread or n.position < free[len(tried)].position]
            if not reached:
                break
            aside = self._set_aside(tried, reading, {})
            now = self.clock.now()
            aside += [SetAside(n.position, n.upload_id, now) for n in reached if n.upload_id in waiting]
            await self.cursors.advance(self.subscriber.name, reached[-1].position, aside, holder=self.holder)
            acted_on += _acted_on(free, reading)
        return acted_on

    async def _held_back(self, page: Sequence[LoggedEvent]) -> frozenset[UploadId]:
        if not self.subscriber.in_order:
            return frozenset()
        return await self.cursors.blocked(self.subscriber.name, {logged.upload_id for logged in page})

    def _set_aside(
        self, page: Sequence[LoggedEvent], reading: PageOutcome, tries: Mapping[int, int]
    ) -> list[SetAside]:
        now, aside = self.clock.now(), []
        for logged in _tried(page, reading):
            if logged.position in reading.failed:
                failures = tries.get(logged.position, 0) + 1
                due_at = now + relay_backoff(failures)
                aside.append(SetAside(logged.position, logged.upload_id, due_at, failures))
            elif logged.position in reading.untried:
                failures = tries.get(logged.position, 0)
                aside.append(SetAside(logged.position, logged.upload_id, now, failures))
            elif again := reading.later.get(logged.position):
                aside.append(SetAside(logged.position, logged.upload_id, now + again))
        return aside

    async def _act(self, page: Sequence[LoggedEvent]) -> PageOutcome:
        try:
            reading = await self._read_while_held(page)
        except Unavailable as outage:
            _log.warning("%s: %s", self.subscriber.name, outage)
            reading = PageOutcome(unread=len(page))
        except Exception:  # noqa: BLE001 - whatever a reader trips over is its own
            _log.exception(
                "%s stumbles between events %d and %d",
                self.subscriber.name,
                page[0].position,
                page[-1].position,
            )
            if len(page) == 1:
                return PageOutcome(failed={page[0].position})
            return await self._act_one_by_one(page)
        if reading.unread or reading.is_down:
            self._outages += 1
            rest = min(relay_backoff(self._outages), self.subscriber.longest_rest)
            self._rests_until = self.clock.now() + rest
        else:
            self._outages = 0
        return reading

    async def _read_while_held(self, page: Sequence[LoggedEvent]) -> PageOutcome:
        reading = asyncio.ensure_future(self.subscriber.read(page))
        try:
            while not (await asyncio.wait({reading}, timeout=_RENEW_SECONDS))[0]:
                if await self._hold() is None:
                    raise Unavailable("another process reads on by now, or the reader is gone")
            return await reading
        finally:
            reading.cancel()
            await asyncio.wait({reading})

    async def _act_one_by_one(self, page: Sequence[LoggedEvent]) -> PageOutcome:
        failed: set[int] = set()
        untried: set[int] = set()
        later: dict[int, timedelta] = {}
        stuck: set[UploadId] = set()
        for place, logged in enumerate(page):
            if self.subscriber.in_order and logged.upload_id in stuck:
                failed.add(logged.position)
                continue
            reading = await self._act([logged])
            if reading.unread:
                return PageOutcome(failed, untried, later, len(page) - place)
            if reading.failed:
                stuck.add(logged.upload_id)
            failed |= set(reading.failed)
            untried |= set(reading.untried)
            later |= reading.later
        return PageOutcome(failed, untried, later)


def _tried(page: Sequence[LoggedEvent], reading: PageOutcome) -> Sequence[LoggedEvent]:
    return page[: len(page) - reading.unread]


def _acted_on(page: Sequence[LoggedEvent], reading: PageOutcome) -> int:
    return len(_tried(page, reading)) - len(reading.failed) - len(reading.untried)


def _positions(page: Sequence[LoggedEvent]) -> set[int]:
    return {logged.position for logged in page}
