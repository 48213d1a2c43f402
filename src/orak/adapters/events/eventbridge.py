import logging
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from typing import Self

from orak.adapters.aws.clients import AwsService, open_service
from orak.adapters.aws.config import AwsConfig
from orak.adapters.events.entries import MAX_BYTES, MAX_ENTRIES, entry_of, size_of
from orak.application.ports.clock import Clock
from orak.application.ports.failures import Unavailable
from orak.domain.events import LoggedEvent
from orak.domain.identity import UploadId

_log = logging.getLogger(__name__)

_PAUSES = (0.1, 0.4)
"""Seconds before rejected entries are sent again; after the last try the caller retries them."""

Entry = Mapping[str, object]
_Pending = deque[tuple[int, Entry]]


class EventBridge:
    """An `EventBus` on Amazon EventBridge.

    One call carries at most one event per upload, of up to ten uploads. With two of the same upload,
    EventBridge might accept the later and reject the earlier one.
    """

    def __init__(self, service: AwsService, bus: str, clock: Clock) -> None:
        self._service = service
        self._bus = bus
        self._clock = clock

    @classmethod
    @asynccontextmanager
    async def open(cls, config: AwsConfig, bus: str, clock: Clock) -> AsyncIterator[Self]:
        """Open the bus; EventBridge need not answer yet. Raise `InvalidAwsConfig`."""
        async with open_service("events", config) as service:
            yield cls(service, bus, clock)

    async def publish(self, page: Sequence[LoggedEvent]) -> frozenset[int]:
        """Send events; return the positions of those that were not accepted."""
        pending = self._entries_by_upload(page)
        rejected: set[int] = set()
        none_sent = True
        while pending:
            batch = _next_batch(pending)
            entries = [pending[upload_id][0][1] for upload_id in batch]
            try:
                rejected_entries = await self._send(entries)
            except Unavailable as outage:
                if none_sent:
                    raise
                _log.warning(
                    "the event bus accepted only some of the events: %s",
                    outage,
                    extra={"event": "relay_error", "subscriber": "event-bus", "reason": str(outage)},
                )
                return frozenset(rejected.union(*map(_positions, pending.values())))
            none_sent = False
            for index, upload_id in enumerate(batch):
                if index in rejected_entries:
                    rejected |= _positions(pending.pop(upload_id))
                    continue
                pending[upload_id].popleft()
                if not pending[upload_id]:
                    del pending[upload_id]
        return frozenset(rejected)

    async def check(self) -> None:
        """Raise `Unavailable` unless the bus exists."""
        await self._service.call("describe_event_bus", Name=self._bus)

    def _entries_by_upload(self, page: Sequence[LoggedEvent]) -> dict[UploadId, _Pending]:
        """Return the positions and entries to send for each upload, in order."""
        pending: dict[UploadId, _Pending] = {}
        for logged in page:
            entry = entry_of(logged, self._bus)
            if size_of(entry) > MAX_BYTES:
                # EventBridge would reject it for ever, and so hold back all later events of its upload.
                _log.error(
                    "an event is too large for EventBridge and is skipped",
                    extra={
                        "event": "relay_error",
                        "subscriber": "event-bus",
                        "eventId": logged.event_id,
                        "uploadId": logged.upload_id,
                    },
                )
                continue
            pending.setdefault(logged.upload_id, deque()).append((logged.position, entry))
        return pending

    async def _send(self, entries: Sequence[Entry]) -> set[int]:
        """Send entries, up to three times; return the indexes of those still rejected."""
        left = list(range(len(entries)))
        codes: set[str] = set()
        for pause in (*_PAUSES, None):
            try:
                answer = await self._service.call("put_events", Entries=[entries[index] for index in left])
            except Unavailable:
                if len(left) == len(entries):
                    raise
                return set(left)
            results = zip(left, answer["Entries"], strict=True)
            failed = {index: str(result["ErrorCode"]) for index, result in results if result.get("ErrorCode")}
            left, codes = list(failed), set(failed.values())
            if not left:
                return set()
            if pause is not None:
                await self._clock.sleep(pause)
        _log.warning(
            "the event bus rejected %d events: %s",
            *(len(left), ", ".join(sorted(codes))),
            extra={
                "event": "relay_error",
                "subscriber": "event-bus",
                "reason": ", ".join(sorted(codes)),
            },
        )
        return set(left)


def _next_batch(pending: Mapping[UploadId, _Pending]) -> list[UploadId]:
    """Return the uploads whose next events fit into one call."""
    batch, size = [], 0
    for upload_id, entries in islice(pending.items(), MAX_ENTRIES):
        size += size_of(entries[0][1])
        if size > MAX_BYTES:
            break
        batch.append(upload_id)
    return batch


def _positions(pending: _Pending) -> set[int]:
    return {position for position, _ in pending}
