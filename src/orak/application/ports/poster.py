from datetime import datetime
from typing import Protocol

import msgspec

from orak.domain.events import LoggedEvent
from orak.domain.webhooks import Endpoint


class ForbiddenAddress(Exception):
    """The URL leads to an address that is not public, or its name is unknown."""


class Posted(msgspec.Struct, frozen=True):
    """The outcome of one request."""

    status_code: int | None
    """None if the receiver did not answer."""
    said: str
    """The beginning of the answer, or why there was no answer."""
    retry_after: str | None = None
    """The header of the answer (RFC 9110 §10.2.3)."""


class Poster(Protocol):
    """Posts events to webhook endpoints."""

    async def check(self, url: str) -> None:
        """Raise `ForbiddenAddress` for an unknown name or a private address."""
        ...

    async def post(self, endpoint: Endpoint, logged: LoggedEvent, *, at: datetime) -> Posted:
        """Post the event, signed with the secrets that the endpoint has *at* that time.

        Errors are outcomes too; nothing is raised. Redirects are not followed.
        """
        ...
