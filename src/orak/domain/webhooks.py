"""Where events are posted to, and how their receivers know that it was orak."""

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
"""The endpoint that the settings name; all others are in the database."""

ROTATION = timedelta(hours=24)
"""For so long the secret before the last signs too."""

PATIENCE = timedelta(hours=24)
"""An event older than this is not tried again, once it fails."""

MAX_URL = 2000


class EndpointNotFound(OrakError):
    """No webhook has this id."""

    def __init__(self, endpoint_id: EndpointId) -> None:
        super().__init__(endpoint_id)
        self.endpoint_id = endpoint_id


class DeliveryNotFound(OrakError):
    """This webhook has no delivery with this id."""

    def __init__(self, delivery_id: DeliveryId) -> None:
        super().__init__(delivery_id)
        self.delivery_id = delivery_id


class Endpoint(msgspec.Struct, frozen=True):
    """A URL that wants to be told."""

    id: EndpointId
    url: str
    secret: str
    created_at: datetime
    event_types: frozenset[EventType] | None = None
    """None wants all, those of tomorrow too."""
    previous_secret: str | None = None
    rotated_at: datetime | None = None
    enabled: bool = True
    disabled_reason: str | None = None

    @property
    def subscriber(self) -> str:
        """The name under which its place in the feed is kept."""
        return f"webhook-{self.id}"

    def wants(self, kind: EventType) -> bool:
        """Whether it is to be told of such events."""
        return self.event_types is None or kind in self.event_types

    def secrets_at(self, at: datetime) -> tuple[str, ...]:
        """Return the secrets that sign then, the newest first."""
        fresh = self.rotated_at is not None and at < self.rotated_at + ROTATION
        return (self.secret, self.previous_secret) if fresh and self.previous_secret else (self.secret,)


class Outcome(StrEnum):
    """What became of one attempt to deliver."""

    DELIVERED = "DELIVERED"
    FAILED = "FAILED"
    """It comes again."""
    GIVEN_UP = "GIVEN_UP"


class Delivery(msgspec.Struct, frozen=True):
    """One attempt, in an endpoint's log."""

    endpoint_id: EndpointId
    position: int
    event_id: int
    upload_id: UploadId
    type: EventType
    at: datetime
    outcome: Outcome
    status_code: int | None
    """None if there was no answer."""
    said: str
    """The beginning of the answer, or why there was none."""
    milliseconds: int
    id: DeliveryId = DeliveryId(0)


def signing_secret(random: str) -> str:
    """Return a new signing secret made of *random* characters."""
    return f"whsec_{random}"


def url_problem(url: str | None) -> Problem | None:
    """Return what is wrong with an endpoint's URL as far as can be seen without looking up its name."""
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
