"""Answers of the live feed."""

from typing import Annotated

from msgspec import Meta

from orak.application.events.issue_ticket import IssuedTicket
from orak.application.ports.live import LiveMessage
from orak.domain.times import whole_seconds
from orak.entrypoints.http.answers.views import RECORD_STATUSES, Id, Moment, Percent, RecordStatus, View


class LiveView(View, frozen=True, omit_defaults=True):
    """One message of the live feed: a change of a record, or a tick of progress."""

    event_id: Annotated[
        int, Meta(description="Id of the change, to resume after. A tick repeats the id of the last change.")
    ]
    record_id: Annotated[Id, Meta(description="Id of the record.")]
    upload_id: Annotated[Id, Meta(description="Id of its upload.")]
    processing_status: Annotated[RecordStatus, Meta(description="Status of the conversion.")]
    progress: Annotated[Percent, Meta(description="Progress of the conversion in percent.")]
    at: Annotated[Moment, Meta(description="When it happened.")]
    deleted: Annotated[
        bool,
        Meta(description="True if the record was deleted; its status is then FAILED. Otherwise absent."),
    ] = False

    @classmethod
    def of(cls, message: LiveMessage, position: int) -> "LiveView":
        """Return the view of a message that follows the change at *position*."""
        return cls(
            event_id=position,
            record_id=message.record_id,
            upload_id=message.upload_id,
            processing_status=RECORD_STATUSES[message.processing_status],
            progress=message.progress,
            at=whole_seconds(message.at),
            deleted=message.deleted,
        )


class TicketView(View, frozen=True):
    """A ticket that opens one stream of the caller's own records."""

    ticket: Annotated[str, Meta(description="The ticket, for the query parameter of the same name.")]
    expiration_time: Annotated[Moment, Meta(description="When an unused ticket expires.")]

    @classmethod
    def of(cls, issued: IssuedTicket) -> "TicketView":
        """Return the view of an issued ticket."""
        return cls(ticket=issued.secret, expiration_time=whole_seconds(issued.expires_at))
