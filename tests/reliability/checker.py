"""Compares the history with what exists afterwards, as Jepsen's total-queue checker does."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import av

from reliability.history import ClientRecord, History
from reliability.logs import leaks, unfollowed, unstructured
from reliability.world import World

_UPLOADS = (
    "SELECT u.id, u.uuid, u.processing_status, u.version, u.object_key, u.output_key, u.waveform_key, "
    "u.measured_duration, u.etag, r.id, r.title FROM uploads u LEFT JOIN records r ON r.upload_id = u.id"
)
_EVENTS = "SELECT upload_id, version, type FROM events ORDER BY upload_id, version"
_UNFINISHED = (
    "SELECT count(*) FROM uploads u JOIN records r ON r.upload_id = u.id "
    "WHERE u.processing_status NOT IN ('COMPLETED', 'FAILED')"
)

_MEASURED_SECONDS, _PUBLISHED_SECONDS = 0.02, 0.05
"""Tolerance of the duration: as the decoder measured it, and with the padding of the encoder."""


@dataclass
class Verdict:
    """The findings of the checker. Every list must be empty."""

    acknowledged: int
    deleted: int
    failed: int
    """Uploads that ended FAILED with a code: a valid end, though not the one that the client wanted."""
    attempts: int
    replaced: int = 0
    """Uploads for which another content arrived in time and became the verified one."""
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    resurrected: list[str] = field(default_factory=list)
    mismatched: list[str] = field(default_factory=list)
    """Records whose published audio does not have the duration of the verified content."""
    stray: list[str] = field(default_factory=list)
    """Objects that are missing, or that no row names."""
    inconsistent: list[str] = field(default_factory=list)
    """Rows that differ from their events."""
    leaked: list[str] = field(default_factory=list)
    """Secrets, file names and titles found in a log."""
    unstructured: list[str] = field(default_factory=list)
    """Lines of a log that are no JSON."""
    unfollowed: list[str] = field(default_factory=list)
    """Conversions that no request id leads to."""

    @property
    def problems(self) -> list[str]:
        kinds = (
            *("lost", "duplicated", "resurrected", "mismatched", "stray", "inconsistent"),
            *("leaked", "unstructured", "unfollowed"),
        )
        return [f"{kind}: {what}" for kind in kinds for what in getattr(self, kind)]


def count_unfinished(world: World) -> int:
    """Return how many uploads with a record are neither COMPLETED nor FAILED."""
    return int(world.database.rows(_UNFINISHED)[0][0])


def judge(world: World, history: History) -> Verdict:
    rows = world.database.rows(_UPLOADS)
    by_record = {int(row[9]): row for row in rows if row[9]}
    events = defaultdict(list)
    for upload_id, version, kind in world.database.rows(_EVENTS):
        events[upload_id].append((int(version), kind))
    verdict = Verdict(
        acknowledged=len(history.acknowledged),
        deleted=sum(record.delete_acknowledged for record in history.records),
        failed=sum(row[2] == "FAILED" for row in rows),
        attempts=sum(kind == "ProcessingStarted" for logged in events.values() for _, kind in logged),
    )
    for record in history.acknowledged:
        row = by_record.get(record.record_id)
        if row is None and not record.delete_tried:
            verdict.lost.append(record.title)
        if row is not None and record.delete_acknowledged:
            verdict.resurrected.append(record.title)
        if row is not None and row[2] == "COMPLETED":
            _check_duration(world, record, row, verdict)
    titles = Counter(row[10] for row in rows if row[10])
    verdict.duplicated += [title for title, times in titles.items() if times > 1]
    for upload_id, logged in events.items():
        if sum(kind == "ProcessingCompleted" for _, kind in logged) > 1:
            verdict.duplicated.append(f"upload {upload_id} was completed twice")
        if [version for version, _ in logged] != list(range(1, len(logged) + 1)):
            verdict.inconsistent.append(f"upload {upload_id}: {logged}")
    verdict.inconsistent += [
        f"upload {row[0]}: version {row[3]}, {len(events[row[0]])} events"
        for row in rows
        if int(row[3]) != len(events[row[0]])
    ]
    verdict.inconsistent += world.replay_differences()
    verdict.stray += find_strays(world)
    verdict.leaked += leaks(world, history)
    verdict.unstructured += unstructured(world)
    verdict.unfollowed += unfollowed(world)
    return verdict


def _check_duration(world: World, record: ClientRecord, row: list[str], verdict: Verdict) -> None:
    measured, etag = row[7:9]
    verified = record.contents.get(etag.strip('"'), record.seconds)  # on local disk, the ETag is no MD5
    verdict.replaced += verified != record.seconds
    published = _duration(world.storage.file(row[5]))
    if abs(float(measured) - verified) > _MEASURED_SECONDS or abs(published - verified) > _PUBLISHED_SECONDS:
        durations = f"{measured} s measured, {published:.3f} s published for {verified} s verified"
        verdict.mismatched.append(f"{record.title}: {durations}")


def _duration(file: Path) -> float:
    """Return the duration of audio in seconds; 0 for a missing file, which is reported as stray."""
    if not file.exists():
        return 0
    with av.open(str(file)) as audio:
        return (audio.duration or 0) / av.time_base


def find_strays(world: World) -> list[str]:
    """Return the objects that are missing, or that no row names."""
    rows, keys = world.database.rows(_UPLOADS), world.storage.keys()
    published = {key for row in rows if row[2] == "COMPLETED" for key in row[5:7]}
    originals = {row[4] for row in rows if row[8] and row[2] not in {"DELETED", "CANCELLED"}}
    found = {key for key in keys if key.startswith("published/")}
    not_deleted = {row[4] for row in rows if row[2] == "DELETED"} & keys
    return [
        *(f"missing {key}" for key in published - found),
        *(f"extra {key}" for key in found - published),
        *(f"missing {key}" for key in originals - keys),
        *(f"extra {key}" for key in not_deleted),
    ]
