import logging
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from typing import Self

from orak.adapters.aws.clients import AwsConfig, AwsService, open_service
from orak.adapters.events.entries import MOST_BYTES, MOST_ENTRIES, entry_of, size_of
from orak.application.ports.clock import Clock
from orak.application.ports.failures import Unavailable
from orak.domain.events import LoggedEvent
from orak.domain.identity import UploadId

_log = logging.getLogger(__name__)

_PAUSES = (0.1, 0.4)
"""Seconds before entries that were refused are sent again; what is refused once more is the caller's."""

Entry = Mapping[str, object]
_Line = deque[tuple[int, Entry]]


class EventBridge:
    """An `EventBus` on Amazon EventBridge.

    A call carries one event of each of up to ten uploads: were there two of one, the later might be taken
    without the earlier.
    """

    def __init__(self, service: AwsService, bus: str, clock: Clock) -> None:
        self._service = service
        self._bus = bus
        self._clock = clock

    @classmethod
    @asynccontextmanager
    async def open(cls, place: AwsConfig, bus: str, clock: Clock) -> AsyncIterator[Self]:
        """Open it; EventBridge need not answer yet. Raise `InvalidAwsConfig`."""
        async with open_service("events", place) as service:
            yield cls(service, bus, clock)

    async def publish(self, page: Sequence[LoggedEvent]) -> frozenset[int]:
        """Send events; return the positions of those that were not taken."""
        lines = self._lines(page)
        refused: set[int] = set()
        none_yet = True
        while lines:
            batch = _next_batch(lines)
            entries = [lines[upload_id][0][1] for upload_id in batch]
            try:
                untaken = await self._send(entries)
            except Unavailable as outage:
                if none_yet:
                    raise
                _log.warning("the event bus took a part of the events only: %s", outage)
                return frozenset(refused.union(*map(_positions, lines.values())))
            none_yet = False
            for place, upload_id in enumerate(batch):
                line = lines[upload_id]
                if place in untaken:
                    refused |= _positions(lines.pop(upload_id))
                    continue
                line.popleft()
                if not line:
                    del lines[upload_id]
        return frozenset(refused)

    async def check(self) -> None:
        """Raise `Unavailable` unless the bus is there."""
        await self._service.call("describe_event_bus", Name=self._bus)

    def _lines(self, page: Sequence[LoggedEvent]) -> dict[UploadId, _Line]:
        """Return what each upload has to send, in order."""
        lines: dict[UploadId, _Line] = {}
        for logged in page:
            entry = entry_of(logged, self._bus)
            if size_of(entry) > MOST_BYTES:
                # It would be refused for ever, and all later ones of its upload with it.
                _log.error("event %d is too large for EventBridge and is left out", logged.event_id)
                continue
            lines.setdefault(logged.upload_id, deque()).append((logged.position, entry))
        return lines

    async def _send(self, entries: Sequence[Entry]) -> set[int]:
        """Send these, the refused ones up to three times; return the places of those that were not taken."""
        left = list(range(len(entries)))
        codes: set[str] = set()
        for pause in (*_PAUSES, None):
            try:
                answer = await self._service.call("put_events", Entries=[entries[place] for place in left])
            except Unavailable:
                if len(left) == len(entries):
                    raise
                return set(left)
            results = zip(left, answer["Entries"], strict=True)
            failed = {place: str(result["ErrorCode"]) for place, result in results if result.get("ErrorCode")}
            left, codes = list(failed), set(failed.values())
            if not left:
                return set()
            if pause is not None:
                await self._clock.sleep(pause)
        _log.warning("the event bus refused %d events: %s", len(left), ", ".join(sorted(codes)))
        return set(left)


def _next_batch(lines: Mapping[UploadId, _Line]) -> list[UploadId]:
    """Return the uploads whose next events go together: as many as one call may have."""
    batch, size = [], 0
    for upload_id, line in islice(lines.items(), MOST_ENTRIES):
        size += size_of(line[0][1])
        if size > MOST_BYTES:
            break
        batch.append(upload_id)
    return batch


def _positions(line: _Line) -> set[int]:
    return {position for position, _ in line}
