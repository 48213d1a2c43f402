import asyncio
import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from msgspec.structs import replace

from orak.application.event_backlog import EventBacklog
from orak.application.outbox_relay import OutboxRelay
from orak.application.ports.clock import Clock
from orak.application.ports.cursors import Backlog, Cursors
from orak.application.ports.deliveries import Deliveries
from orak.application.ports.endpoints import Endpoints
from orak.application.ports.event_log import EventLog
from orak.application.ports.failures import Unavailable
from orak.application.ports.measurements import Measurements
from orak.application.ports.poster import Poster
from orak.application.subscribers.post_events import PostEvents
from orak.domain.errors import OrakError
from orak.domain.webhooks import CONFIGURED, Endpoint, EndpointId, is_webhook

_log = logging.getLogger(__name__)

_LOG_RETENTION = timedelta(days=30)
_PRUNE_INTERVAL = timedelta(hours=1)


@dataclass(slots=True)
class DeliverWebhooks:
    """Deliver events to every webhook endpoint, each at its own pace.

    An endpoint that is down delays no other.
    """

    event_log: EventLog
    cursors: Cursors
    backlog: EventBacklog
    endpoints: Endpoints
    deliveries: Deliveries
    poster: Poster
    clock: Clock
    measurements: Measurements
    holder: str
    """The name of this process, unique among all processes."""
    configured: Endpoint | None = None
    """The endpoint that the settings name, beside those in the database."""
    _relays: dict[EndpointId, tuple[PostEvents, OutboxRelay]] = field(default_factory=dict)
    _running: dict[EndpointId, asyncio.Task[int]] = field(default_factory=dict)
    _has_looked: bool = False
    _prune_at: datetime | None = None

    async def __call__(self) -> None:
        """Start deliveries to each endpoint that has none running.

        Raise `Unavailable` if the database cannot be reached.
        """
        if self._is_idle(await self.backlog()):
            await self._prune_logs()
            return
        active = {endpoint.id: endpoint for endpoint in await self.endpoints.all() if endpoint.enabled}
        if self.configured is not None:
            active[CONFIGURED] = self.configured
        for inactive in self._relays.keys() - active.keys():
            del self._relays[inactive]
            self._running[inactive].cancel()
        for endpoint in active.values():
            self._start(endpoint)
        self._has_looked = True
        await self._prune_logs()

    async def settled(self) -> int:
        """Wait until no delivery runs; return how many events were acted on."""
        results = await asyncio.gather(*self._running.values(), return_exceptions=True)
        return sum(result for result in results if isinstance(result, int))

    async def close(self) -> None:
        """Cancel running deliveries.

        Their events are posted again later, with the same ids.
        """
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    def _is_idle(self, backlog: Backlog) -> bool:
        """Whether no endpoint is owed an event, and none has to be stopped or to begin."""
        if any(map(is_webhook, backlog.pending)) or not self._has_looked:
            return False
        return all(relay.has_begun and self._running[of].done() for of, (_, relay) in self._relays.items())

    def _start(self, endpoint: Endpoint) -> None:
        running = self._running.get(endpoint.id)
        if running is not None and not running.done():
            return
        if endpoint.id not in self._relays:
            subscriber = PostEvents(
                endpoint, self.endpoints, self.deliveries, self.poster, self.clock, self.measurements
            )
            relay = OutboxRelay(
                self.event_log,
                self.cursors,
                self.backlog,
                subscriber,
                self.clock,
                self.measurements,
                self.holder,
            )
            self._relays[endpoint.id] = subscriber, relay
        subscriber, relay = self._relays[endpoint.id]
        self._running[endpoint.id] = asyncio.create_task(self._relay(subscriber, relay), name=subscriber.name)

    async def _relay(self, subscriber: PostEvents, relay: OutboxRelay) -> int:
        try:
            acted_on = await relay()
            if subscriber.is_gone and subscriber.endpoint.id != CONFIGURED:
                await self._disable(subscriber.endpoint)
        except (Unavailable, OrakError) as outage:
            # The timer logs an unreachable database.
            _log.debug("deliveries stop: %s", outage, extra=_about(subscriber, "relay_error"))
            return 0
        except Exception:  # noqa: BLE001 - a bug with one endpoint must not stop the others
            _log.exception("deliveries to a webhook failed", extra=_about(subscriber, "relay_error"))
            return 0
        return acted_on

    async def _disable(self, endpoint: Endpoint) -> None:
        _log.warning(
            "the webhook is disabled: its receiver answered 410 Gone",
            extra={"event": "webhook_disabled", "endpointId": endpoint.id, "status": 410},
        )

        def disabled(current: Endpoint) -> Endpoint:
            if current.url != endpoint.url:  # an operator changed it: another receiver answers now
                return current
            return replace(current, enabled=False, disabled_reason="the receiver answered 410 Gone")

        await self.endpoints.change(endpoint.id, disabled)

    async def _prune_logs(self) -> None:
        now = self.clock.now()
        if self._prune_at is None or now >= self._prune_at:
            self._prune_at = now + _PRUNE_INTERVAL
            await self.deliveries.forget(now - _LOG_RETENTION)


def _about(subscriber: PostEvents, event: str) -> dict[str, object]:
    """Return the fields of a line about one endpoint."""
    return {"event": event, "subscriber": subscriber.name, "endpointId": subscriber.endpoint.id}
