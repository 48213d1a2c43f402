"""The clock of this machine, against files, the database and the store."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from orak.adapters.clock.system import SystemClock
from orak.adapters.persistence.sql import migrations
from orak.application.clock_skew import ClockSkew
from orak.application.ports.failures import Unavailable
from orak.entrypoints.cli.db import sqlite_file
from orak.entrypoints.cli.finding import Finding
from orak.entrypoints.cli.threads import in_thread
from orak.entrypoints.opening import made
from orak.entrypoints.readiness import SKEW_SECONDS
from orak.entrypoints.running import open_parts
from orak.entrypoints.settings.checks import InvalidSetting
from orak.entrypoints.settings.values import Settings

_WARN_SECONDS = 5.0
_HINT = "set the clock by NTP (`timedatectl set-ntp true`); tokens and signed URLs depend on it"


def check_files(settings: Settings) -> Finding:
    """Compare the clock with the times of files: a clock in the past accepts expired tokens."""
    now = datetime.now(UTC)
    files = [Path(__file__), sqlite_file(settings)]
    latest = max(
        datetime.fromtimestamp(file.stat().st_mtime, UTC)
        for file in files
        if file is not None and file.exists()
    )
    if latest > now + timedelta(minutes=1):
        return Finding(
            "clock",
            "fail",
            f"the time is {now:%Y-%m-%d %H:%M} UTC, but a file of orak is from {latest:%Y-%m-%d %H:%M}",
            _HINT,
        )
    return Finding("clock", "ok", f"{now:%Y-%m-%d %H:%M} UTC")


async def check_database_clock(settings: Settings) -> list[Finding]:
    """Compare the clock with that of PostgreSQL."""
    if settings.database_kind != "postgresql":
        return []
    try:
        return [_judged(await in_thread(migrations.read, settings.database, _ahead_of), "database")]
    except Unavailable:
        return [_unknown("database")]


async def check_storage_clock(settings: Settings) -> list[Finding]:
    """Compare the clock with that of S3."""
    if settings.storage_kind != "s3":
        return []
    try:
        async with open_parts(settings, "storage") as container:
            storage = await made(container.storage)
            skews = await ClockSkew(SystemClock(), {"storage": storage.now})()
    except (Unavailable, InvalidSetting):
        skews = {}
    return [_judged(skews["storage"], "storage") if skews else _unknown("storage")]


def _ahead_of(connection: Connection) -> float:
    ask = select(func.clock_timestamp())
    connection.scalar(ask)  # opens the transaction, so that the next answer takes one round trip
    asked = datetime.now(UTC)
    there: datetime = connection.scalars(ask).one()
    return (asked + (datetime.now(UTC) - asked) / 2 - there).total_seconds()


def _judged(ahead: float, other: str) -> Finding:
    way = "ahead of" if ahead > 0 else "behind"
    detail = f"{abs(ahead):.1f} s {way} the {other}"
    if abs(ahead) >= SKEW_SECONDS:
        return Finding("clock", "fail", detail, _HINT)
    if abs(ahead) >= _WARN_SECONDS:
        return Finding("clock", "warn", detail, _HINT)
    return Finding("clock", "ok", detail)


def _unknown(other: str) -> Finding:
    return Finding(
        "clock",
        "warn",
        f"not compared: the {other} does not answer",
        f"repair the {other}, then run `orak doctor` again",
    )
