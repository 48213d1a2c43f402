"""The plan of an adoption, as `orak db upgrade` prints it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import rich_click as click

from orak.entrypoints.cli.errors import warn

if TYPE_CHECKING:
    from orak.adapters.persistence.sql.adoption.adopt import Adoption, Kind


def print_plan(adoption: "Adoption", *, has_cdn: bool, convert: bool) -> None:
    """Print what the adoption finds and changes; print warnings on standard error."""
    click.echo("Tables of the original app:")
    for table, count in adoption.rows.items():
        note = "  stays the app's: orak reads its ids and never writes to it"
        click.echo(f"  {table:<8}{count:>9} rows{note if table in {'users', 'songs'} else ''}")
    click.echo("Uploads:")
    for kind in adoption.kinds:
        click.echo(f"  {kind.count:>9} {_name(kind)}: {_fate(kind, convert=convert)}")
    click.echo("Changes:")
    for step in adoption.steps:
        click.echo(f"  {step.what}")
    for warning in _warnings(adoption, has_cdn=has_cdn, convert=convert):
        warn(warning)


def _name(kind: "Kind") -> str:
    record = "with a record" if kind.has_record else "without a record"
    return f"{kind.status} {record}{'' if kind.is_recording else ' outside recordings'}"


def _fate(kind: "Kind", *, convert: bool) -> str:
    fates = {
        "COMPLETED": "playable under the key that it has",
        "FAILED": "stays FAILED, and may be retried",
        "PENDING": "received if its object is there, else EXPIRED",
    }
    if kind.status == "COMPLETED" and kind.has_record and convert:
        return "converted in the background, and not playable until then"
    if kind.status == "UPLOADED" and kind.has_record:
        return "converted in the background"
    if kind.is_recording:
        fates["PROCESSING"] = "the other app has 10 minutes to finish it; then orak takes over"
        fates["UPLOADED"] = "an orphan: kept for 7 days and ORPHAN_RETENTION_HOURS, unless it gets a record"
    return fates.get(kind.status, "left alone")


def _warnings(adoption: "Adoption", *, has_cdn: bool, convert: bool) -> Iterator[str]:
    completed = sum(kind.count for kind in adoption.kinds if kind.status == "COMPLETED" and kind.has_record)
    if completed and not convert and not has_cdn:
        yield (
            f"the public URLs of {completed} completed records begin with CDN_BASE_URL, which is not set: "
            "set it to the CDN that serves them, or adopt with --convert"
        )
    orphans = sum(
        kind.count
        for kind in adoption.kinds
        if kind.status == "UPLOADED" and kind.is_recording and not kind.has_record
    )
    if orphans:
        yield (
            f"{orphans} uploads in recordings have no record: orak removes them and their objects "
            "7 days and ORPHAN_RETENTION_HOURS after the adoption; see `orak batch orphans`"
        )
