"""Compares what was tried, what was acknowledged and what exists, as Jepsen's total-queue checker does."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import av

from reliability.history import History
from reliability.singers import SECRET
from reliability.world import World

_UPLOADS = (
    "SELECT u.id, u.uuid, u.processing_status, u.version, u.object_key, u.output_key, u.waveform_key, "
    "u.measured_duration, u.etag, r.id, r.title FROM uploads u LEFT JOIN records r ON r.upload_id = u.id"
)
_EVENTS = "SELECT upload_id, version, type FROM events ORDER BY upload_id, version"
_MOVING = (
    "SELECT count(*) FROM uploads u JOIN records r ON r.upload_id = u.id "
    "WHERE u.processing_status NOT IN ('COMPLETED', 'FAILED')"
)

_MEASURED, _ENCODED = 0.02, 0.05
"""Seconds that a take's length may be off: as the decoder measured it, and with what an encoder adds."""


@dataclass
class Verdict:
    """What a trial came to. All lists must be empty."""

    acknowledged: int
    deleted: int
    failed: int
    """FAILED with a code: an end, if not the one the singer hoped for."""
    attempts: int
    replaced: int = 0
    """Takes to whose URL other bytes were sent in time to be the ones that count."""
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    resurrected: list[str] = field(default_factory=list)
    mixed: list[str] = field(default_factory=list)
    """Takes whose audio is not of the bytes that were verified, by its length."""
    stray: list[str] = field(default_factory=list)
    """Objects that are missing, or that no row names."""
    untold: list[str] = field(default_factory=list)
    """Rows whose events do not tell their story."""
    told: list[str] = field(default_factory=list)
    """What no log may hold."""

    @property
    def wrong(self) -> list[str]:
        return [
            f"{kind}: {what}"
            for kind in ("lost", "doubled", "resurrected", "mixed", "stray", "untold", "told")
            for what in getattr(self, kind)
        ]


def still_moving(world: World) -> int:
    """How many named takes have come to no end."""
    return int(world.ledger.rows(_MOVING)[0][0])


def judge(world: World, history: History) -> Verdict:
    rows = world.ledger.rows(_UPLOADS)
    by_record = {int(row[9]): row for row in rows if row[9]}
    events = defaultdict(list)
    for upload_id, version, kind in world.ledger.rows(_EVENTS):
        events[upload_id].append((int(version), kind))
    verdict = Verdict(
        acknowledged=len(history.acknowledged),
        deleted=sum(take.delete_acknowledged for take in history.takes),
        failed=sum(row[2] == "FAILED" for row in rows),
        attempts=sum(kind == "ProcessingStarted" for told in events.values() for _, kind in told),
    )
    for take in history.acknowledged:
        there = take.record_id in by_record
        if not there and not take.delete_tried:
            verdict.lost.append(take.title)
        if there and take.delete_acknowledged:
            verdict.resurrected.append(take.title)
        if there and by_record[take.record_id][2] == "COMPLETED":
            measured, etag = by_record[take.record_id][7:9]
            verified = take.contents.get(etag.strip('"'), take.seconds)  # a disk's ETag is no MD5
            verdict.replaced += verified != take.seconds
            published = _seconds_of(world.keys.file(by_record[take.record_id][5]))
            if abs(float(measured) - verified) > _MEASURED or abs(published - verified) > _ENCODED:
                said = f"{measured} s measured, {published:.3f} s published for {verified} s verified"
                verdict.mixed.append(f"{take.title}: {said}")
    titles = Counter(row[10] for row in rows if row[10])
    verdict.doubled += [title for title, times in titles.items() if times > 1]
    for upload_id, told in events.items():
        if sum(kind == "ProcessingCompleted" for _, kind in told) > 1:
            verdict.doubled.append(f"upload {upload_id} was completed twice")
        if [version for version, _ in told] != list(range(1, len(told) + 1)):
            verdict.untold.append(f"upload {upload_id}: {told}")
    verdict.untold += [f"upload {row[0]}: no events" for row in rows if int(row[3]) != len(events[row[0]])]
    verdict.untold += world.replayed()
    verdict.stray += strays(world)
    logs = world.logs()
    verdict.told += [word for word in (SECRET, "secret song", "eyJ", "X-Amz-Signature") if word in logs]
    return verdict


def _seconds_of(file: Path) -> float:
    """Return how long audio is; 0 for what is missing, which is told elsewhere."""
    if not file.exists():
        return 0
    with av.open(str(file)) as audio:
        return (audio.duration or 0) / av.time_base


def strays(world: World) -> list[str]:
    """Objects that are missing, or that no row names."""
    rows, keys = world.ledger.rows(_UPLOADS), world.keys()
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
