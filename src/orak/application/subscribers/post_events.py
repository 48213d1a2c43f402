import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from orak.application.ports.clock import Clock
from orak.application.ports.deliveries import Deliveries
from orak.application.ports.endpoints import Endpoints
from orak.application.ports.measurements import Measurements
from orak.application.ports.poster import Posted, Poster
from orak.application.ports.subscribers import PageOutcome, StartPosition
from orak.domain.events import EventType, LoggedEvent
from orak.domain.identity import UploadId
from orak.domain.policies.retries import MAX_CONSECUTIVE_OUTAGES, requested_wait
from orak.domain.webhooks import CONFIGURED, PATIENCE, Delivery, Endpoint, EndpointNotFound, Outcome

_log = logging.getLogger(__name__)

_MAX_CONCURRENT_REQUESTS = 8
"""Requests to one endpoint at a time."""

_GONE = 410
"""RFC 9110 §15.5.11: the receiver wants no further requests."""


@dataclass(slots=True)
class PostEvents:
    """Posts events to one webhook endpoint.

    The events of one upload go one by one, in order.

    An event that fails comes again with back-off, until it is too old. When several in a row fail, the
    endpoint counts as down: its other events are not tried, and it rests for longer each time. A receiver
    that answers a failure with `Retry-After` is left alone for that long.
    """

    endpoint: Endpoint
    endpoints: Endpoints
    deliveries: Deliveries
    poster: Poster
    clock: Clock
    measurements: Measurements
    in_order: bool = True
    longest_rest: timedelta = timedelta(minutes=5)
    is_gone: bool = False
    """Whether the receiver answered 410 Gone."""

    @property
    def name(self) -> str:
        """The name under which the endpoint's cursor is stored."""
        return self.endpoint.subscriber

    @property
    def begins(self) -> StartPosition:
        """The feed position at which a new cursor begins.

        An endpoint added by an operator got its cursor when it was added.
        """
        return StartPosition.NEXT if self.endpoint.id == CONFIGURED else StartPosition.GIVEN

    async def event_types(self) -> frozenset[EventType]:
        """Return the types that the endpoint wants now."""
        await self.is_active()
        wanted = self.endpoint.event_types
        return frozenset(EventType) if wanted is None else wanted

    async def read(self, page: Sequence[LoggedEvent]) -> PageOutcome:
        """Post the events that the endpoint wants, and log each delivery."""
        if not await self.is_active():
            return PageOutcome(unread=len(page))
        wanted = [logged for logged in page if self.endpoint.wants(logged.event.type)]
        by_upload: defaultdict[UploadId, list[LoggedEvent]] = defaultdict(list)
        for logged in wanted:
            by_upload[logged.upload_id].append(logged)
        posting = _Posting(self)
        try:
            await asyncio.gather(*map(posting.post_in_order, by_upload.values()))
        finally:
            if posting.deliveries:
                await asyncio.shield(self.deliveries.note(posting.deliveries))
        self.is_gone = posting.is_gone
        untried = {logged.position for logged in wanted} - posting.done - posting.failed
        is_down = posting.is_down or posting.is_stopped
        return PageOutcome(posting.failed, untried, is_down=is_down, rest=posting.rest)

    async def is_active(self) -> bool:
        """Return whether the endpoint is on.

        The endpoint is read again, because an operator may have changed it in any process.
        """
        if self.endpoint.id == CONFIGURED:
            return True
        try:
            self.endpoint = await self.endpoints.get(self.endpoint.id)
        except EndpointNotFound:
            return False
        return self.endpoint.enabled

    async def deliver(self, logged: LoggedEvent) -> tuple[Delivery, timedelta]:
        """Post one event; return the delivery, and how long the receiver asks to be left alone."""
        began = self.clock.now()
        posted = await self.poster.post(self.endpoint, logged, at=began)
        if posted.status_code is not None and 200 <= posted.status_code < 300:
            outcome = Outcome.DELIVERED
        else:
            outcome = Outcome.GIVEN_UP if self.is_too_old(logged) else Outcome.FAILED
        failed = outcome is not Outcome.DELIVERED
        wait = requested_wait(posted.retry_after, self.clock.now()) if failed else timedelta(0)
        return self._delivery(logged, began, outcome, posted), wait

    def give_up(self, logged: LoggedEvent) -> Delivery:
        """Return the delivery of an event that is too old to be tried again."""
        posted = Posted(None, "not tried again: no answer for a day")
        return self._delivery(logged, self.clock.now(), Outcome.GIVEN_UP, posted)

    def is_too_old(self, logged: LoggedEvent) -> bool:
        """Return whether an event that fails is not tried again."""
        return self.clock.now() > logged.event.at + PATIENCE

    def _delivery(self, logged: LoggedEvent, began: datetime, outcome: Outcome, posted: Posted) -> Delivery:
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


class _Posting:
    """The progress of posting one page, and whether the endpoint still works."""

    def __init__(self, subscriber: PostEvents) -> None:
        self._subscriber = subscriber
        self._slots = asyncio.Semaphore(_MAX_CONCURRENT_REQUESTS)
        self._failures_in_a_row = 0
        self.done: set[int] = set()
        self.failed: set[int] = set()
        self.deliveries: list[Delivery] = []
        self.rest = timedelta(0)
        """How long the receiver asks to be left alone."""
        self.is_gone = False
        self.is_stopped = False
        """Whether posting must stop: the receiver is gone, or an operator switched the endpoint off."""

    @property
    def is_down(self) -> bool:
        return self._failures_in_a_row >= MAX_CONSECUTIVE_OUTAGES

    async def post_in_order(self, events: Sequence[LoggedEvent]) -> None:
        """Post the events of one upload until one fails."""
        async with self._slots:
            for logged in events:
                if self.is_stopped or not await self._subscriber.is_active():
                    self.is_stopped = True
                    return
                if self.rest:
                    return
                if not self.is_down:
                    delivery, wait = await self._subscriber.deliver(logged)
                    self.rest = max(self.rest, wait)
                    delivered = delivery.outcome is Outcome.DELIVERED
                    self._failures_in_a_row = 0 if delivered else self._failures_in_a_row + 1
                elif self._subscriber.is_too_old(logged):
                    delivery = self._subscriber.give_up(logged)
                else:
                    return
                self._note(logged, delivery)
                if delivery.outcome is Outcome.FAILED:
                    return

    def _note(self, logged: LoggedEvent, delivery: Delivery) -> None:
        self.deliveries.append(delivery)
        _log_delivery(logged, delivery)
        self._subscriber.measurements.count("orak_webhook_deliveries_total", outcome=delivery.outcome.lower())
        if delivery.status_code == _GONE:
            self.is_gone = self.is_stopped = True
        (self.failed if delivery.outcome is Outcome.FAILED else self.done).add(logged.position)


def _log_delivery(logged: LoggedEvent, delivery: Delivery) -> None:
    """Log one delivery, without the receiver's answer: it may hold anything."""
    origin, outcome = logged.event.origin, delivery.outcome.lower()
    _log.log(
        logging.INFO if delivery.outcome is Outcome.DELIVERED else logging.WARNING,
        "webhook delivery %s",
        outcome,
        extra={
            "event": "webhook_delivery",
            "outcome": outcome,
            "requestId": origin and origin.request_id,
            "endpointId": delivery.endpoint_id,
            "eventId": delivery.event_id,
            "eventType": delivery.type.value,
            "userId": logged.event.user_id,
            "uploadId": delivery.upload_id,
            "recordId": logged.event.record_id,
            "status": delivery.status_code,
            "durationMs": delivery.milliseconds,
            "reason": delivery.said if delivery.status_code is None else None,
        },
    )
