from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from orak.entrypoints.cli.errors import CommandError
from orak.entrypoints.cli.options import data_dir_option, shared_settings
from orak.entrypoints.cli.output import console, is_piped, json_lines, table
from orak.entrypoints.cli.remote import orak_at, remote_options

if TYPE_CHECKING:
    from orak.application.events.check_event_log import CheckEventLog
    from orak.client import Event
    from orak.domain.events import DomainEvent, LoggedEvent
    from orak.domain.history import Difference
    from orak.entrypoints.settings.values import Settings

_PAGE_SIZE = 500
_POLL_SECONDS = 0.5


@click.group()
def events() -> None:
    """Follow events, and read and check the event log."""


@events.command()
@click.option(
    "--after",
    metavar="ID",
    type=click.IntRange(min=0),
    help="Begin after this event; with --all, after this feed position.",
)
@click.option("--all", "all_users", is_flag=True, help="Read the event log of all users, from the database.")
@click.option("--follow", is_flag=True, help="With --all: continue with new events.")
@data_dir_option
@remote_options
def tail(
    *,
    after: int | None,
    all_users: bool,
    follow: bool,
    data_dir: Path | None,
    url: str | None,
    token: str | None,
) -> None:
    """Follow the events of your own records.

    Progress reports are shown too; they have no id, so --after cannot name one. With --all, print the event
    log of all users instead, which has no progress reports.
    """
    if not all_users:
        with orak_at(url, token) as orak:
            for event in orak.events(after):
                _print(event, _own_event_line(event))
        return
    import asyncio

    settings = shared_settings(data_dir)
    asyncio.run(_tail(settings, after or 0, follow=follow))


async def _tail(settings: "Settings", position: int, *, follow: bool) -> None:
    import asyncio

    from orak.entrypoints.opening import made
    from orak.entrypoints.running import open_parts

    async with open_parts(settings, "persistence") as container:
        events = (await made(container.persistence)).event_log
        while True:
            await events.number()
            while page := await events.after(position, _PAGE_SIZE):
                for logged in page:
                    _print(_event_row(logged), _event_line(logged))
                position = page[-1].position
            if not follow:
                return
            await asyncio.sleep(_POLL_SECONDS)


def _print(row: object, line: str) -> None:
    if is_piped():
        json_lines([row])
    else:
        click.echo(line)


def _own_event_line(event: "Event") -> str:
    status = "deleted" if event.deleted else event.processing_status.lower()
    event_id = str(event.event_id) if event.is_change else ""
    return (
        f"{event.at:%H:%M:%S}  {event_id:>8}  record {event.record_id:<8} {status:<10} {event.progress:>3} %"
    )


def _event_row(logged: "LoggedEvent") -> dict[str, object]:
    """Return the JSON object of an event. Scripts depend on its keys."""
    return {
        "position": logged.position,
        "event_id": logged.event_id,
        "upload_id": logged.upload_id,
        "version": logged.version,
        "fact": _event_json(logged.event),
        "request_id": logged.event.origin and logged.event.origin.request_id,
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
        "at": event.at,
        **{name: value for name, value in optional.items() if value},
    }


def _event_line(logged: "LoggedEvent") -> str:
    event = logged.event
    request = f"  request {event.origin.request_id}" if event.origin else ""
    return (
        f"{event.at:%Y-%m-%d %H:%M:%S}  {logged.position:>8}  {event.type:<20} "
        f"upload {logged.upload_id:<8} version {logged.version:<3} {event.status}{request}"
    )


@events.command()
@click.option("--check", is_flag=True, help="Compare the log with the tables; fail if they differ.")
@data_dir_option
def replay(check: bool, data_dir: Path | None) -> None:  # noqa: FBT001 - click passes flags by name
    """Rebuild every upload and its record from the event log.

    Prints one JSON line per upload; with --check, only the differences between the log and the tables. It
    reads the database directly and may run while orak is running.
    """
    import asyncio

    settings = shared_settings(data_dir)
    asyncio.run(_check(settings) if check else _replay(settings))


async def _replay(settings: "Settings") -> None:
    async with _event_log_check(settings) as check_event_log:
        async for history in check_event_log.histories():
            if history.events:
                last = history.events[-1]
                state = _event_json(last.event)
                json_lines([{"uploadId": history.upload_id, "version": last.version, "state": state}])


async def _check(settings: "Settings") -> None:
    uploads = events = 0
    found: list[Difference] = []
    async with _event_log_check(settings) as check_event_log:
        async for history in check_event_log.histories():
            uploads, events = uploads + 1, events + len(history.events)
            found += await check_event_log.check(history)
    _show(found)
    click.echo(f"{events} events of {uploads} uploads", err=True)
    if found:
        raise CommandError(
            f"the event log and the tables differ in {len(found)} {'place' if len(found) == 1 else 'places'}",
            "look for other programs that write to the tables, or a backup that was restored in part",
        )


def _show(found: "list[Difference]") -> None:
    if is_piped():
        json_lines(
            {"uploadId": one.upload_id, "what": one.what, "byFacts": one.by_events, "byTables": one.by_tables}
            for one in found
        )
    elif found:
        shown = table("Upload id", "Field", "In the log", "In the tables")
        for one in found:
            shown.add_row(str(one.upload_id), one.what, one.by_events, one.by_tables)
        console().print(shown)


@asynccontextmanager
async def _event_log_check(settings: "Settings") -> "AsyncIterator[CheckEventLog]":
    """Open the database for the use case that compares the event log with the tables."""
    from orak.application.events.check_event_log import CheckEventLog
    from orak.entrypoints.opening import made
    from orak.entrypoints.running import open_parts

    async with open_parts(settings, "persistence") as container:
        yield CheckEventLog((await made(container.persistence)).histories)
