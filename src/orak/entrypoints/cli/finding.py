from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

Level = Literal["ok", "warn", "fail"]

CHECKED = (
    *("data", "database", "storage", "redis", "events", "cdn", "audio", "conversion", "port"),
    *("metrics", "telemetry", "tokens", "clock"),
)
"""What `orak doctor` checks, beside Python, the settings and the limit of open files."""


class Finding(msgspec.Struct, frozen=True):
    """One result of a check of `orak doctor`."""

    name: str
    level: Level
    detail: str
    hint: str | None = None
    """What to do, for a finding that is not ok."""


def existing_folder(folder: Path) -> Path:
    """Return *folder*, or the nearest folder above it that exists."""
    absolute = folder.absolute()
    return next(place for place in (absolute, *absolute.parents) if place.exists())


def exit_code(findings: Iterable[Finding]) -> int:
    """Return 1 if a check failed, else 0."""
    return int(any(finding.level == "fail" for finding in findings))
