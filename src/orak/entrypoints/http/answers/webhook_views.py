"""Answers of the webhook routes."""

from typing import Annotated

from msgspec import Meta

from orak.domain.events import EventType
from orak.domain.times import whole_seconds
from orak.domain.webhooks import ROTATION, Delivery, Endpoint, Outcome
from orak.entrypoints.http.answers.views import Count, Id, Moment, Url, View


class EndpointView(View, frozen=True):
    """A webhook endpoint, without its signing secret."""

    id: Annotated[Id, Meta(description="Id of the webhook endpoint.")]
    url: Annotated[Url, Meta(description="Where events are posted.")]
    event_types: Annotated[list[EventType], Meta(description="Types of events to post; empty for all types.")]
    enabled: Annotated[bool, Meta(description="Whether events are posted.")]
    disabled_reason: Annotated[
        str | None, Meta(description="Why orak disabled the endpoint; null if it did not.")
    ]
    created_at: Annotated[Moment, Meta(description="When the endpoint was added.")]
    previous_secret_until: Annotated[
        Moment | None,
        Meta(description="Until when the previous secret signs too; null if the secret was never rotated."),
    ]

    @classmethod
    def of(cls, endpoint: Endpoint) -> "EndpointView":
        """Return the view of *endpoint*."""
        rotated_at = endpoint.rotated_at
        return cls(
            id=endpoint.id,
            url=endpoint.url,
            event_types=sorted(endpoint.event_types or ()),
            enabled=endpoint.enabled,
            disabled_reason=endpoint.disabled_reason,
            created_at=whole_seconds(endpoint.created_at),
            previous_secret_until=None if rotated_at is None else whole_seconds(rotated_at + ROTATION),
        )


class EndpointSecretView(View, frozen=True):
    """A webhook endpoint and its new signing secret. Only this answer shows the secret."""

    webhook: Annotated[EndpointView, Meta(description="The webhook endpoint.")]
    secret: Annotated[str, Meta(description="The secret that signs from now on.")]

    @classmethod
    def of(cls, endpoint: Endpoint) -> "EndpointSecretView":
        """Return the view of *endpoint* and its secret."""
        return cls(webhook=EndpointView.of(endpoint), secret=endpoint.secret)


class DeliveryView(View, frozen=True):
    """One attempt to deliver an event to a webhook endpoint."""

    id: Annotated[Id, Meta(description="Id of the delivery.")]
    event_id: Annotated[Id, Meta(description="Id of the event.")]
    type: Annotated[EventType, Meta(description="Type of the event.")]
    upload_id: Annotated[Id, Meta(description="Id of the upload that the event is about.")]
    position: Annotated[Id, Meta(description="Feed position of the event.")]
    at: Annotated[Moment, Meta(description="When the attempt was made.")]
    outcome: Annotated[Outcome, Meta(description="How the attempt ended.")]
    status_code: Annotated[
        int | None, Meta(description="Status code of the endpoint's answer; null if it did not answer.")
    ]
    said: Annotated[
        str, Meta(description="Beginning of the endpoint's answer, or the reason why there was none.")
    ]
    milliseconds: Annotated[Count, Meta(description="Duration of the attempt in milliseconds.")]

    @classmethod
    def of(cls, delivery: Delivery) -> "DeliveryView":
        """Return the view of *delivery*."""
        return cls(
            id=delivery.id,
            event_id=delivery.event_id,
            type=delivery.type,
            upload_id=delivery.upload_id,
            position=delivery.position,
            at=whole_seconds(delivery.at),
            outcome=delivery.outcome,
            status_code=delivery.status_code,
            said=delivery.said,
            milliseconds=delivery.milliseconds,
        )


class ReplayedView(View, frozen=True):
    """The number of events to be sent again."""

    replayed: Annotated[Count, Meta(description="Number of events to be sent again.")]
