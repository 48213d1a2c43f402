"""What a stream of events is made of."""

from datetime import datetime

from orak.application.events.issue_ticket import IssuedTicket
from orak.application.ports.live import LiveMessage
from orak.entrypoints.http.answers.views import SHOWN, Id, Percent, Shown, View


class LiveView(View, frozen=True, omit_defaults=True):
    """One step of a recording: a change, or a tick of progress."""

    event_id: int
    """Of the last change; a tick repeats it."""
    record_id: Id
    upload_id: Id
    processing_status: Shown
    progress: Percent
    at: datetime
    deleted: bool = False
    """There is no such recording any more. Left out where there is."""

    @classmethod
    def of(cls, message: LiveMessage, position: int) -> "LiveView":
        """Project a message that came when the last change was at *position*."""
        return cls(
            event_id=position,
            record_id=message.record_id,
            upload_id=message.upload_id,
            processing_status=SHOWN[message.processing_status],
            progress=message.progress,
            at=message.at,
            deleted=message.deleted,
        )


class TicketView(View, frozen=True):
    """A right to watch one's own recordings, once."""

    ticket: str
    expiration_time: datetime

    @classmethod
    def of(cls, issued: IssuedTicket) -> "TicketView":
        """Project what the use case returned."""
        return cls(ticket=issued.secret, expiration_time=issued.expires_at)
