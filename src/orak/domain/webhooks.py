"""Webhook endpoints and their deliveries."""

import base64
from contextlib import suppress
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType
from urllib.parse import urlsplit

import msgspec

from orak.domain.errors import OrakError, Problem, ProblemCode
from orak.domain.events import EventType
from orak.domain.identity import UploadId

EndpointId = NewType("EndpointId", int)
DeliveryId = NewType("DeliveryId", int)

CONFIGURED = EndpointId(0)
"""The id of the endpoint that the settings name; all others are in the database."""

ROTATION = timedelta(hours=24)
"""How long the previous secret also signs after a rotation."""

PATIENCE = timedelta(hours=24)
"""How old an event may be to be posted again after a failure."""

MAX_URL = 2000

_SUBSCRIBER = "webhook-"
"""How the name of an endpoint's subscriber begins."""


def is_webhook(subscriber: str) -> bool:
    """Whether the subscriber of this name is a webhook endpoint."""
    return subscriber.startswith(_SUBSCRIBER)


class EndpointNotFound(OrakError):
    """No webhook has this id."""

    def __init__(self, endpoint_id: EndpointId) -> None:
        super().__init__(f"webhook {endpoint_id} does not exist")
        self.endpoint_id = endpoint_id


class DeliveryNotFound(OrakError):
    """The webhook has no delivery with this id."""

    def __init__(self, delivery_id: DeliveryId) -> None:
        super().__init__(f"delivery {delivery_id} does not exist")
        self.delivery_id = delivery_id


class Endpoint(msgspec.Struct, frozen=True):
    """A webhook endpoint: a URL that receives events."""

    id: EndpointId
    url: str
    secret: str
    created_at: datetime
    event_types: frozenset[EventType] | None = None
    """None means all types, including future ones."""
    previous_secret: str | None = None
    rotated_at: datetime | None = None
    enabled: bool = True
    disabled_reason: str | None = None

    @property
    def subscriber(self) -> str:
        """The name under which its cursor is stored."""
        return f"{_SUBSCRIBER}{self.id}"

    def wants(self, kind: EventType) -> bool:
        """Return whether the endpoint receives events of this type."""
        return self.event_types is None or kind in self.event_types

    def secrets_at(self, at: datetime) -> tuple[str, ...]:
        """Return the secrets that sign *at* that time, newest first."""
        fresh = self.rotated_at is not None and at < self.rotated_at + ROTATION
        return (self.secret, self.previous_secret) if fresh and self.previous_secret else (self.secret,)


class Outcome(StrEnum):
    """The outcome of one delivery."""

    DELIVERED = "DELIVERED"
    FAILED = "FAILED"
    """The event is posted again later."""
    GIVEN_UP = "GIVEN_UP"


class Delivery(msgspec.Struct, frozen=True):
    """One entry of an endpoint's delivery log: one attempt to post an event."""

    endpoint_id: EndpointId
    position: int
    event_id: int
    upload_id: UploadId
    type: EventType
    at: datetime
    outcome: Outcome
    status_code: int | None
    """None if the receiver did not answer."""
    said: str
    """The beginning of the answer, or why there was no answer."""
    milliseconds: int
    id: DeliveryId = DeliveryId(0)


SECRET_PREFIX = "whsec_"  # noqa: S105 - how secrets begin


def signing_secret(random: str) -> str:
    """Return a new signing secret made of *random* bytes in base64url, in the form of Standard Webhooks.

    That form is the prefix and padded base64 of 24 to 64 bytes.
    """
    key = base64.urlsafe_b64decode(random + "=" * (-len(random) % 4))
    return SECRET_PREFIX + base64.b64encode(key).decode()


def signing_key(secret: str) -> bytes:
    """Return the key that signs as Standard Webhooks describe.

    It is what the base64 after `whsec_` encodes, in either alphabet (RFC 4648 §4, §5), padded or not. A
    secret of another form is the key itself.
    """
    if secret.startswith(SECRET_PREFIX):
        text = secret.removeprefix(SECRET_PREFIX).rstrip("=").replace("-", "+").replace("_", "/")
        with suppress(ValueError):
            if key := base64.b64decode(text + "=" * (-len(text) % 4), validate=True):
                return key
    return secret.encode()


def url_problem(url: str | None) -> Problem | None:
    """Return what is wrong with an endpoint's URL; its host name is not resolved here."""
    if not url:
        return Problem("url", ProblemCode.REQUIRED)
    if len(url) > MAX_URL:
        return Problem("url", ProblemCode.TOO_LONG, MAX_URL)
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return Problem("url", ProblemCode.INVALID)
    clean = url.isascii() and url.isprintable() and " " not in url and not parts.fragment
    if not has_host or not clean or parts.scheme not in {"http", "https"} or "@" in parts.netloc:
        return Problem("url", ProblemCode.INVALID)
    return None
