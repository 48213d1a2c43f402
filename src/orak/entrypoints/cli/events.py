from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from orak.entrypoints.cli.failures import Failure
from orak.entrypoints.cli.options import data_dir_option, load_settings
from orak.entrypoints.cli.remote import orak_at, remote_options
from orak.entrypoints.cli.screen import console, is_piped, json_lines, table

if TYPE_CHECKING:
    from orak.client import Event
    from orak.domain.events import DomainEvent, LoggedEvent
    from orak.domain.history import Difference, UploadHistory
    from orak.entrypoints.settings.values import Settings

_PAGE = 500
_PAUSE = 0.5
"""Seconds between looks for what is new."""


@click.group()
def events() -> None:
    """Follow what happens, and look into the log of what happened."""


@events.command()
@click.option("--after", metavar="ID", type=click.IntRange(min=0), help="Begin after this event.")
@click.option("--all", "everybody_s", is_flag=True, help="Read everybody's events, in the database itself.")
@click.option("--follow", is_flag=True, help="With --all: go on with what happens from now on.")
@data_dir_option
@remote_options
def tail(
    *,
    after: int | None,
    everybody_s: bool,
    follow: bool,
    data_dir: Path | None,
    url: str | None,
    token: str | None,
) -> None:
    """Show what happens to your own recordings, as it happens.

    Progress of conversions is shown too; it has no id, and is nothing to begin after. With --all, show the
    whole log of events instead: which events there are, not how far conversions are.
    """
    if not everybody_s:
        with orak_at(url, token) as orak:
            for event in orak.events(after):
                _tell(event, _line(event))
        return
    import asyncio

    settings = load_settings(data_dir=data_dir).settings
    asyncio.run(_tail(settings, after or 0, follow=follow))


async def _tail(settings: "Settings", place: int, *, follow: bool) -> None:
    import asyncio

    from orak.entrypoints.container import histories

    async with histories(settings) as (_, events):
        while True:
            await events.number()
            while page := await events.after(place, _PAGE):
                for logged in page:
                    _tell(_event_row(logged), _event_line(logged))
                place = page[-1].position
            if not follow:
                return
            await asyncio.sleep(_PAUSE)


def _tell(row: object, line: str) -> None:
    if is_piped():
        json_lines([row])
    else:
        click.echo(line)


def _line(event: "Event") -> str:
    what = "deleted" if event.deleted else event.processing_status.lower()
    which = str(event.event_id) if event.is_change else ""
    return f"{event.at:%H:%M:%S}  {which:>8}  record {event.record_id:<8} {what:<10} {event.progress:>3} %"


def _event_row(logged: "LoggedEvent") -> dict[str, object]:
    """Return the JSON line of an event; scripts know its keys."""
    return {
        "position": logged.position,
        "event_id": logged.event_id,
        "upload_id": logged.upload_id,
        "version": logged.version,
        "fact": _event_json(logged.event),
    }


def _event_json(event: "DomainEvent") -> dict[str, object]:
    """Return an event as JSON shows it: camelCase, without fields that have their default."""
    optional = {"recordId": event.record_id, "failures": event.failures, "failure": event.failure}
    return {
        "type": event.type,
        "userId": event.user_id,
        "uuid": event.uuid,
        "status": event.status,
        "attempt": event.attempt,
        "key": event.key,
        "originalKey": event.original_key,
        "at": event.at,
        **{name: value for name, value in optional.items() if value},
    }


def _event_line(logged: "LoggedEvent") -> str:
    event = logged.event
    return (
        f"{event.at:%Y-%m-%d %H:%M:%S}  {logged.position:>8}  {event.type:<20} "
        f"upload {logged.upload_id:<8} version {logged.version:<3} {event.status}"
    )


@events.command()
@click.option("--check", is_flag=True, help="Compare with the tables, and fail if anything differs.")
@data_dir_option
def replay(check: bool, data_dir: Path | None) -> None:  # noqa: FBT001 - click's own way
    """Rebuild every upload and its Record from the log of events.

    Prints each as one line of JSON; with --check, only where the log and the tables differ. It reads the
    database itself, and may run beside everything else.
    """
    import asyncio

    settings = load_settings(data_dir=data_dir).settings
    asyncio.run(_check(settings) if check else _replay(settings))


async def _replay(settings: "Settings") -> None:
    async for history in _histories(settings):
        if history.events:
            last = history.events[-1]
            json_lines(
                [{"uploadId": history.upload_id, "version": last.version, "state": _event_json(last.event)}]
            )


async def _check(settings: "Settings") -> None:
    from orak.entrypoints.container import histories

    uploads = events = 0
    found: list[Difference] = []
    async with histories(settings) as (check_event_log, _):
        async for history in check_event_log.histories():
            uploads, events = uploads + 1, events + len(history.events)
            found += await check_event_log.check(history)
    _show(found)
    click.echo(f"{events} events of {uploads} uploads", err=True)
    if found:
        raise Failure(
            f"the log and the tables differ in {len(found)} places",
            "somebody else wrote to the tables, or a backup was restored in part; nothing was changed",
        )


def _show(found: "list[Difference]") -> None:
    if is_piped():
        json_lines(
            {"uploadId": one.upload_id, "what": one.what, "byFacts": one.by_events, "byTables": one.by_tables}
            for one in found
        )
    elif found:
        shown = table("Upload", "What", "By the log", "By the tables")
        for one in found:
            shown.add_row(str(one.upload_id), one.what, one.by_events, one.by_tables)
        console().print(shown)


async def _histories(settings: "Settings") -> "AsyncIterator[UploadHistory]":
    from orak.entrypoints.container import histories

    async with histories(settings) as (check_event_log, _):
        async for history in check_event_log.histories():
            yield history
