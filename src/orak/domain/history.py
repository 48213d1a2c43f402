"""Comparison of an upload's events with its row."""

from collections.abc import Iterator, Sequence

import msgspec

from orak.domain.events import DomainEvent
from orak.domain.identity import UploadId, event_key
from orak.domain.processing import MOVES, ProcessingStatus
from orak.domain.upload import ENDS, Upload

UNTOUCHED = 0
"""The version of an upload that another program stored, until orak changes it and writes its first event."""


class VersionedEvent(msgspec.Struct, frozen=True):
    """An event and the version that it gave the upload."""

    version: int
    event: DomainEvent


class UploadHistory(msgspec.Struct, frozen=True):
    """An upload's events, oldest first, and its row with the id of its Record."""

    upload_id: UploadId
    events: Sequence[VersionedEvent]
    """Pruned events are missing; the newest event never is."""
    upload: Upload | None
    """None if the row does not exist."""


class Difference(msgspec.Struct, frozen=True):
    """One contradiction: between the events and the tables, or between two events."""

    upload_id: UploadId
    what: str
    by_events: str
    by_tables: str


def differences(history: UploadHistory) -> list[Difference]:
    """Return the contradictions between events, and with the row."""
    if not history.events:
        if history.upload is not None and history.upload.version == UNTOUCHED:
            return []
        return [Difference(history.upload_id, "events", "none", "a row")]
    last = history.events[-1]
    found = [*_breaks(history)]
    if history.upload is None:
        if not _may_be_purged(last.event):
            found.append(Difference(history.upload_id, "row", last.event.status, "none"))
        return found
    by_events, by_tables = _state_by(last), _state_of(history.upload)
    return found + [
        Difference(history.upload_id, what, by_events[what], by_tables[what])
        for what in by_events
        if by_events[what] != by_tables[what]
    ]


def _breaks(history: UploadHistory) -> Iterator[Difference]:
    for before, after in zip(history.events, history.events[1:], strict=False):
        if after.version != before.version + 1:
            yield Difference(
                history.upload_id, "sequence", f"version {after.version} after {before.version}", ""
            )
        moved = after.event.status is not before.event.status
        if moved and after.event.status not in MOVES[before.event.status]:
            yield Difference(
                history.upload_id, "move", f"{after.event.status} after {before.event.status}", ""
            )
        if after.event.attempt < before.event.attempt:
            yield Difference(
                history.upload_id, "fence", f"attempt {after.event.attempt} after {before.event.attempt}", ""
            )


def _may_be_purged(event: DomainEvent) -> bool:
    return event.status is ProcessingStatus.DELETED or (event.record_id is None and event.status in ENDS)


def _state_by(last: VersionedEvent) -> dict[str, str]:
    event = last.event
    named = event.record_id is not None and event.status is not ProcessingStatus.DELETED
    return {
        "version": str(last.version),
        "status": event.status,
        "attempt": str(event.attempt),
        "failures": str(event.failures),
        "failure": event.failure or "",
        "key": event.key,
        "uuid": event.uuid,
        "owner": str(event.user_id),
        "record": str(event.record_id) if named else "",
    }


def _state_of(upload: Upload) -> dict[str, str]:
    return {
        "version": str(upload.version),
        "status": upload.status,
        "attempt": str(upload.attempt),
        "failures": str(upload.failures),
        "failure": upload.failure or "",
        "key": upload.event_key,
        # The uuid that the key of the original contains, so that a wrong key is noticed too.
        "uuid": event_key(upload.key, upload.uuid).rpartition("/")[2],
        "owner": str(upload.owner_id),
        "record": "" if upload.record_id is None else str(upload.record_id),
    }
