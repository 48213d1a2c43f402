import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from orak.adapters.events.messages import Arrival, Foreign, Work, meaning_of
from orak.domain.errors import UploadNotFound
from orak.domain.identity import ObjectKey

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Hearing:
    """Acts on one message at a time. Repeats, and those that come late, change nothing: the row decides."""

    receive: Callable[[ObjectKey], Awaitable[object]]
    """Takes note that bytes arrived, as `ReceiveUpload` does."""
    wake: Callable[[], Awaitable[None]]
    bucket: str | None

    async def __call__(self, body: str) -> None:
        """Return when the message has had its effect.

        Raise `BrokenMessage`, or `Unavailable` if it may have it later.
        """
        match meaning_of(body, self.bucket):
            case Arrival(keys):
                for key in keys:
                    with suppress(UploadNotFound):  # it was deleted, or is somebody else's object
                        await self.receive(key)
            case Work():
                await self.wake()
            case Foreign(what):
                _log.debug("passed over: %s", what)
