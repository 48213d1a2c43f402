"""The outbox relay, for tests that choose its subscribers."""

from secrets import token_hex

from orak.adapters.measurements.shared import SharedMeasurements
from orak.application.event_backlog import EventBacklog
from orak.application.events.relay_events import RelayEvents
from orak.application.outbox_relay import OutboxRelay


def relay_to(subscribers, event_log, cursors, clock) -> RelayEvents:
    """Return a relay to these subscribers, under a holder's name of its own as if in another process."""
    holder = token_hex(8)
    backlog = EventBacklog(event_log, cursors, clock)
    measurements = SharedMeasurements()
    return RelayEvents(
        [OutboxRelay(event_log, cursors, backlog, one, clock, measurements, holder) for one in subscribers]
    )
