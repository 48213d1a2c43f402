import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from msgspec.structs import replace

from orak.application.outbox_relay import OutboxRelay
from orak.application.ports.clock import Clock
from orak.application.ports.cursors import Cursors
from orak.application.ports.deliveries import Deliveries
from orak.application.ports.endpoints import Endpoints
from orak.application.ports.event_log import EventLog
from orak.application.ports.failures import Unavailable
from orak.application.ports.poster import Posted, Poster
from orak.application.ports.subscribers import PageOutcome, StartPosition
from orak.domain.errors import OrakError
from orak.domain.events import LoggedEvent
from orak.domain.identity import UploadId
from orak.domain.policies.retries import MAX_CONSECUTIVE_OUTAGES
from orak.domain.webhooks import (
    CONFIGURED,
    PATIENCE,
    Delivery,
    Endpoint,
    EndpointId,
    EndpointNotFound,
    Outcome,
)

_log = logging.getLogger(__name__)

_AT_ONCE = 8
"""Requests to one endpoint at a time."""

_GONE = 410
"""RFC 9110 §15.5.11: the receiver wants nothing any more."""

_KEPT_FOR = timedelta(days=30)
_FORGET_EVERY = timedelta(hours=1)


@dataclass(slots=True)
class PostEvents:
    """Posts events to one endpoint, those of an upload one after the other.

    An event that fails comes again with back-off for 24 hours. When several in a row fail, the endpoint is
    taken to be down: the rest of them are not even tried, and it is left alone for longer each time.
    """

    endpoint: Endpoint
    endpoints: Endpoints
    deliveries: Deliveries
    poster: Poster
    clock: Clock
    in_order: bool = True
    longest_rest: timedelta = timedelta(minutes=5)
    is_gone: bool = False
    """Whether the receiver said that it wants nothing any more."""

    @property
    def name(self) -> str:
        """Under this name its place in the feed is kept."""
        return self.endpoint.subscriber

    @property
    def begins(self) -> StartPosition:
        """One that an operator made has its place from then on, and loses it when it is removed."""
        return StartPosition.NEXT if self.endpoint.id == CONFIGURED else StartPosition.GIVEN

    async def read(self, page: Sequence[LoggedEvent]) -> PageOutcome:
        """Post what the endpoint wants, and note in its log what became of it."""
        if not await self.is_wanted():
            return PageOutcome(unread=len(page))
        wanted = [logged for logged in page if self.endpoint.wants(logged.event.type)]
        by_upload: defaultdict[UploadId, list[LoggedEvent]] = defaultdict(list)
        for logged in wanted:
            by_upload[logged.upload_id].append(logged)
        trying = _Trying(self)
        try:
            await asyncio.gather(*map(trying.post_in_order, by_upload.values()))
        finally:
            if trying.log:
                await asyncio.shield(self.deliveries.note(trying.log))
        self.is_gone = trying.is_gone
        untried = {logged.position for logged in wanted} - trying.done - trying.failed
        return PageOutcome(trying.failed, untried, is_down=trying.is_down or trying.is_over)

    async def is_wanted(self) -> bool:
        """Look at the endpoint as it is now: an operator may have changed it, by any process."""
        if self.endpoint.id == CONFIGURED:
            return True
        try:
            self.endpoint = await self.endpoints.get(self.endpoint.id)
        except EndpointNotFound:
            return False
        return self.endpoint.enabled

    def is_expired(self, logged: LoggedEvent) -> bool:
        """Whether an event is too old to be tried again."""
        return self.clock.now() > logged.event.at + PATIENCE

    async def try_once(self, logged: LoggedEvent) -> Delivery:
        """Post one event; return what became of it."""
        began = self.clock.now()
        posted = await self.poster.post(self.endpoint, logged, at=began)
        if posted.status_code is not None and 200 <= posted.status_code < 300:
            outcome = Outcome.DELIVERED
        else:
            outcome = Outcome.GIVEN_UP if self.is_expired(logged) else Outcome.FAILED
        return self.delivery(logged, began, outcome, posted)

    def delivery(self, logged: LoggedEvent, began: datetime, outcome: Outcome, posted: Posted) -> Delivery:
        """Return a line for the log."""
        return Delivery(
            endpoint_id=self.endpoint.id,
            position=logged.position,
            event_id=logged.event_id,
            upload_id=logged.upload_id,
            type=logged.event.type,
            at=began,
            outcome=outcome,
            status_code=posted.status_code,
            said=posted.said,
            milliseconds=int((self.clock.now() - began) / timedelta(milliseconds=1)),
        )


class _Trying:
    """One page's way to an endpoint, as far as it is known to work."""

    def __init__(self, subscriber: PostEvents) -> None:
        self._reader = subscriber
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._failures = 0
        self.done: set[int] = set()
        self.failed: set[int] = set()
        self.log: list[Delivery] = []
        self.is_gone = False
        self.is_over = False
        """Whether nothing more is to be posted: it said so, or an operator did."""

    @property
    def is_down(self) -> bool:
        return self._failures >= MAX_CONSECUTIVE_OUTAGES

    async def post_in_order(self, events: Sequence[LoggedEvent]) -> None:
        """Post the events of one upload until one fails."""
        async with self._room:
            for logged in events:
                if self.is_over or not await self._reader.is_wanted():
                    self.is_over = True
                    return
                if self.is_down:
                    if not self._reader.is_expired(logged):
                        return
                    posted = Posted(None, "not tried again: nothing was answered for a day")
                    delivery = self._reader.delivery(
                        logged, self._reader.clock.now(), Outcome.GIVEN_UP, posted
                    )
                else:
                    delivery = await self._reader.try_once(logged)
                    self._failures = 0 if delivery.outcome is Outcome.DELIVERED else self._failures + 1
                self.log.append(delivery)
                if delivery.status_code == _GONE:
                    self.is_gone = self.is_over = True
                if delivery.outcome is Outcome.FAILED:
                    self.failed.add(logged.position)
                    return
                self.done.add(logged.position)


@dataclass(slots=True)
class DeliverWebhooks:
    """Tell every endpoint what happens, each at its own pace: one that is down holds up no other."""

    event_log: EventLog
    cursors: Cursors
    endpoints: Endpoints
    deliveries: Deliveries
    poster: Poster
    clock: Clock
    holder: str
    configured: Endpoint | None = None
    _relays: dict[EndpointId, tuple[PostEvents, OutboxRelay]] = field(default_factory=dict)
    _running: dict[EndpointId, asyncio.Task[int]] = field(default_factory=dict)
    _forget_at: datetime | None = None

    async def __call__(self) -> None:
        """Let each endpoint's deliveries go on that do not go on already; wait for none of them.

        Raise `Unavailable` if the database cannot be reached.
        """
        wanted = {endpoint.id: endpoint for endpoint in await self.endpoints.all() if endpoint.enabled}
        if self.configured is not None:
            wanted[CONFIGURED] = self.configured
        for gone in self._relays.keys() - wanted.keys():
            del self._relays[gone]
            self._running[gone].cancel()
        for endpoint in wanted.values():
            self._go_on(endpoint)
        now = self.clock.now()
        if self._forget_at is None or now >= self._forget_at:
            self._forget_at = now + _FORGET_EVERY
            await self.deliveries.forget(now - _KEPT_FOR)

    async def settled(self) -> int:
        """Wait until nothing is on its way; return how many events were acted on."""
        results = await asyncio.gather(*self._running.values(), return_exceptions=True)
        return sum(result for result in results if isinstance(result, int))

    async def close(self) -> None:
        """Stop in the middle of whatever is on its way: it is sent again, with the same ids."""
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    def _go_on(self, endpoint: Endpoint) -> None:
        running = self._running.get(endpoint.id)
        if running is not None and not running.done():
            return
        subscriber, relay = self._relays.get(endpoint.id) or self._new(endpoint)
        self._running[endpoint.id] = asyncio.create_task(self._relay(subscriber, relay), name=subscriber.name)

    def _new(self, endpoint: Endpoint) -> tuple[PostEvents, OutboxRelay]:
        subscriber = PostEvents(endpoint, self.endpoints, self.deliveries, self.poster, self.clock)
        relay = OutboxRelay(self.event_log, self.cursors, subscriber, self.clock, self.holder)
        self._relays[endpoint.id] = subscriber, relay
        return subscriber, relay

    async def _relay(self, subscriber: PostEvents, relay: OutboxRelay) -> int:
        try:
            acted_on = await relay()
            if subscriber.is_gone and subscriber.endpoint.id != CONFIGURED:
                _log.warning(
                    "webhook %d is disabled: its receiver says that it is gone", subscriber.endpoint.id
                )
                await self.endpoints.change(
                    subscriber.endpoint.id, partial(_switched_off, subscriber.endpoint.url)
                )
        except (Unavailable, OrakError) as outage:
            _log.debug("%s: %s", subscriber.name, outage)  # the timer tells of a database that is away
            return 0
        except Exception:  # noqa: BLE001 - a bug with one endpoint is not the others' end
            _log.exception("%s failed", subscriber.name)
            return 0
        return acted_on


def _switched_off(url: str, endpoint: Endpoint) -> Endpoint:
    """Return it switched off, unless it leads elsewhere by now."""
    if endpoint.url != url:
        return endpoint
    return replace(endpoint, enabled=False, disabled_reason="the receiver answered 410 Gone")
