"""What operators are shown of webhooks."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from orak.domain.events import EventType
from orak.domain.webhooks import ROTATION, Delivery, Endpoint, Outcome
from orak.entrypoints.http.answers.views import Id, View

Count = Annotated[int, Meta(ge=0)]


class EndpointView(View, frozen=True):
    """A webhook. Its secret is not shown again."""

    id: Id
    url: str
    event_types: list[EventType]
    """Empty is all."""
    enabled: bool
    disabled_reason: str | None
    created_at: datetime
    previous_secret_until: datetime | None
    """Until when the secret before the last signs too."""

    @classmethod
    def of(cls, endpoint: Endpoint) -> "EndpointView":
        """Project an endpoint."""
        rotated_at = endpoint.rotated_at
        return cls(
            id=endpoint.id,
            url=endpoint.url,
            event_types=sorted(endpoint.event_types or ()),
            enabled=endpoint.enabled,
            disabled_reason=endpoint.disabled_reason,
            created_at=endpoint.created_at,
            previous_secret_until=None if rotated_at is None else rotated_at + ROTATION,
        )


class EndpointSecretView(View, frozen=True):
    """A webhook, and the secret that signs for it from now on: to be kept, it is shown this once."""

    webhook: EndpointView
    secret: str

    @classmethod
    def of(cls, endpoint: Endpoint) -> "EndpointSecretView":
        """Project an endpoint with its secret."""
        return cls(webhook=EndpointView.of(endpoint), secret=endpoint.secret)


class DeliveryView(View, frozen=True):
    """One attempt to tell a webhook of an event."""

    id: Id
    event_id: Id
    type: EventType
    upload_id: Id
    position: Id
    at: datetime
    outcome: Outcome
    status_code: int | None
    """None if there was no answer."""
    said: str
    """The beginning of the answer, or why there was none."""
    milliseconds: Count

    @classmethod
    def of(cls, delivery: Delivery) -> "DeliveryView":
        """Project an attempt."""
        return cls(
            id=delivery.id,
            event_id=delivery.event_id,
            type=delivery.type,
            upload_id=delivery.upload_id,
            position=delivery.position,
            at=delivery.at,
            outcome=delivery.outcome,
            status_code=delivery.status_code,
            said=delivery.said,
            milliseconds=delivery.milliseconds,
        )


class ReplayedView(View, frozen=True):
    """How many events will be sent again."""

    replayed: Count
