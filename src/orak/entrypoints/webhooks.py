"""Wiring of webhooks."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

from orak import __version__
from orak.adapters.webhooks.poster import HttpPoster
from orak.application.ports.clock import Clock
from orak.application.ports.cursors import Cursors
from orak.application.ports.deliveries import Deliveries
from orak.application.ports.endpoints import Endpoints
from orak.application.ports.event_log import EventLog
from orak.application.ports.poster import Poster
from orak.application.webhooks.deliver_webhooks import DeliverWebhooks
from orak.domain.webhooks import CONFIGURED, Endpoint
from orak.entrypoints.feed import this_process
from orak.entrypoints.settings.values import Settings


async def open_poster(settings: Settings) -> AsyncIterator[HttpPoster]:
    """Open the way to receivers."""
    async with HttpPoster(f"orak/{__version__}", allow_private=settings.webhook_allow_private) as poster:
        yield poster


async def open_deliveries(
    settings: Settings,
    *,
    event_log: EventLog,
    cursors: Cursors,
    endpoints: Endpoints,
    deliveries: Deliveries,
    poster: Poster,
    clock: Clock,
) -> AsyncIterator[DeliverWebhooks]:
    """Make ready to deliver; leaving stops what is on its way."""
    delivering = DeliverWebhooks(
        event_log,
        cursors,
        endpoints,
        deliveries,
        poster,
        clock,
        this_process(),
        configured_endpoint(settings),
    )
    yield delivering
    await delivering.close()


def configured_endpoint(settings: Settings) -> Endpoint | None:
    """Return the endpoint that the settings name."""
    if settings.webhook_url is None or settings.webhook_secret is None:
        return None
    return Endpoint(
        CONFIGURED, settings.webhook_url, settings.webhook_secret, datetime(1970, 1, 1, tzinfo=UTC)
    )
