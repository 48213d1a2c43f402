"""What an upload's facts say of it, and whether its row says the same."""

from collections.abc import Iterator, Sequence

import msgspec

from orak.domain.events import Fact
from orak.domain.identity import UploadId
from orak.domain.processing import MOVES, ProcessingStatus
from orak.domain.upload import ENDS, Upload


class VersionedFact(msgspec.Struct, frozen=True):
    """A fact, and the version of the upload that came with it."""

    version: int
    fact: Fact


class UploadHistory(msgspec.Struct, frozen=True):
    """An upload's facts, oldest first, and its row with the id of its Record."""

    upload_id: UploadId
    facts: Sequence[VersionedFact]
    """Without those that were forgotten; the newest is always there."""
    upload: Upload | None
    """None if there is no row, or none any more."""


class Difference(msgspec.Struct, frozen=True, rename="camel"):
    """Where facts and tables, or two facts, do not fit together."""

    upload_id: UploadId
    what: str
    by_facts: str
    by_tables: str


def differences(history: UploadHistory) -> list[Difference]:
    """Return what does not fit: in the sequence of facts, or between the last of them and the row."""
    if not history.facts:
        return [Difference(history.upload_id, "facts", "none", "a row")]
    last = history.facts[-1]
    found = [*_breaks(history)]
    if history.upload is None:
        if not _may_be_purged(last.fact):
            found.append(Difference(history.upload_id, "row", last.fact.status, "none"))
        return found
    by_facts, by_tables = _state_by(last), _state_of(history.upload)
    return found + [
        Difference(history.upload_id, what, by_facts[what], by_tables[what])
        for what in by_facts
        if by_facts[what] != by_tables[what]
    ]


def _breaks(history: UploadHistory) -> Iterator[Difference]:
    for before, after in zip(history.facts, history.facts[1:], strict=False):
        if after.version != before.version + 1:
            yield Difference(
                history.upload_id, "sequence", f"version {after.version} after {before.version}", ""
            )
        moved = after.fact.status is not before.fact.status
        if moved and after.fact.status not in MOVES[before.fact.status]:
            yield Difference(history.upload_id, "move", f"{after.fact.status} after {before.fact.status}", "")
        if after.fact.attempt < before.fact.attempt:
            yield Difference(
                history.upload_id, "fence", f"attempt {after.fact.attempt} after {before.fact.attempt}", ""
            )


def _may_be_purged(fact: Fact) -> bool:
    return fact.status is ProcessingStatus.DELETED or (fact.record_id is None and fact.status in ENDS)


def _state_by(last: VersionedFact) -> dict[str, str]:
    fact = last.fact
    named = fact.record_id is not None and fact.status is not ProcessingStatus.DELETED
    return {
        "version": str(last.version),
        "status": fact.status,
        "attempt": str(fact.attempt),
        "failures": str(fact.failures),
        "failure": fact.failure or "",
        "key": fact.key,
        "originalKey": fact.original_key,
        "uuid": fact.uuid,
        "owner": str(fact.user_id),
        "record": str(fact.record_id) if named else "",
    }


def _state_of(upload: Upload) -> dict[str, str]:
    return {
        "version": str(upload.version),
        "status": upload.status,
        "attempt": str(upload.attempt),
        "failures": str(upload.failures),
        "failure": upload.failure or "",
        "key": upload.shown_key,
        "originalKey": upload.key,
        "uuid": upload.uuid,
        "owner": str(upload.owner_id),
        "record": "" if upload.record_id is None else str(upload.record_id),
    }
