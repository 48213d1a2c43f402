from datetime import timedelta
from typing import Protocol

import msgspec

from orak.application.ports.open_object import OpenObject

IMMUTABLE = "public, max-age=31536000, s-maxage=86400, immutable"
"""The Cache-Control of published objects (RFC 8246).

Each attempt writes under its own key, so an object under one of these keys never changes. It can be deleted.
A CDN asks again after a day (RFC 9111 §5.2.2.10), so a deletion also reaches a CDN without an API. Only
clients that have the bytes already may keep them for longer.
"""


class MediaRedirect(msgspec.Struct, frozen=True):
    """URLs at which the store itself serves an object to any client."""

    get: str
    head: str
    """A signature covers one method, so each has its own URL."""
    kept: timedelta
    """How long the redirect may be cached; the URLs are valid for longer."""


class PublicMedia(Protocol):
    """The public folder, readable without a token."""

    async def open_public(self, key: str) -> OpenObject | MediaRedirect:
        """Open a published object, or return where the store serves it.

        A redirect does not promise that the object exists. A waveform is always opened: pages of other
        origins read it, and browsers let them follow no redirect to a store that lists its origins.

        Raises:
            ObjectMissing: the key is outside the public folder, or no object has it.
            Unavailable: the store cannot be reached.
        """
        ...
