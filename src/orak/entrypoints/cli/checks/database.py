"""The database: whether it answers, its schema, writes, and a pooler in front of PostgreSQL."""

from orak.adapters.persistence.sql import migrations
from orak.application.ports.failures import Unavailable
from orak.entrypoints.cli.db import sqlite_file
from orak.entrypoints.cli.finding import Finding
from orak.entrypoints.cli.options import command
from orak.entrypoints.cli.threads import in_thread
from orak.entrypoints.opening import blaming, imported, made
from orak.entrypoints.running import open_parts
from orak.entrypoints.settings.checks import InvalidSetting
from orak.entrypoints.settings.sources import shown_value
from orak.entrypoints.settings.values import Settings

_READ_ONLY = "25006"
"""The SQLSTATE of a server that takes no writes."""


async def check_database(settings: Settings) -> list[Finding]:
    """Check the database, then what needs one that answers."""
    if settings.database_kind == "memory":
        return [Finding("database", "ok", "in memory; its rows are lost when orak stops")]
    shown = shown_value("database_url", settings.database)
    absent = _absent(settings, shown)
    if absent is not None:
        return [absent]
    is_postgresql = settings.database_kind == "postgresql"
    try:
        with blaming("DATABASE_URL"):
            is_current = await in_thread(migrations.check, settings.database)
            revision = await in_thread(migrations.current, settings.database)
    except Unavailable as outage:
        return [_outage(settings, f"{shown}: {outage}", outage)]
    except migrations.UnusableSchema as error:
        found = [Finding("database", "fail", f"{shown}: {error}", error.hint)]
    except InvalidSetting as invalid:
        return [Finding("database", "fail", str(invalid), invalid.hint)]
    else:
        if is_current:
            found = [Finding("database", "ok", f"{shown}, schema {revision}"), await _check_writes(settings)]
        else:
            found = [_outdated(settings, shown, revision)]
    return [*found, await _check_pooler(settings)] if is_postgresql else found


def _absent(settings: Settings, shown: str) -> Finding | None:
    """Return the finding for a SQLite file that does not exist yet."""
    file = sqlite_file(settings)
    if file is None or file.exists():
        return None
    folder = file.absolute().parent
    if not folder.exists() and not settings.data_dir.absolute().is_relative_to(folder):
        return Finding(
            "database", "fail", f"{shown}: the folder {folder} does not exist", f"create the folder {folder}"
        )
    return Finding("database", "ok", f"{shown}, created at the first start")


def _outage(settings: Settings, detail: str, outage: Unavailable) -> Finding:
    if getattr(outage.__cause__, "sqlstate", None) == _READ_ONLY:
        hint = (
            "make the server take writes: promote a standby, or reset default_transaction_read_only; or set "
            "DATABASE_URL to the primary"
        )
    elif settings.database_kind == "postgresql":
        hint = "start PostgreSQL, or correct the host, user and password in DATABASE_URL"
    else:
        hint = "check DATABASE_URL and the permissions of the file"
    return Finding("database", "fail", detail, hint)


def _outdated(settings: Settings, shown: str, revision: str | None) -> Finding:
    detail = (
        f"{shown}: the schema is missing"
        if revision is None
        else f"{shown}: the schema is {revision}, and orak needs {migrations.HEAD}"
    )
    migrates = settings.database_kind == "sqlite" or settings.db_auto_upgrade
    return Finding(
        "database",
        "warn" if migrates else "fail",
        detail,
        f"run {command('db upgrade', settings.data_dir)}" + (", or start `serve`" if migrates else ""),
    )


async def _check_writes(settings: Settings) -> Finding:
    try:
        async with open_parts(settings, "persistence") as container:
            await (await made(container.persistence)).check_writable()
    except InvalidSetting as invalid:
        return Finding("writes", "fail", str(invalid), invalid.hint)
    except Unavailable as outage:
        return Finding(
            "writes", "fail", str(outage), "give the user of DATABASE_URL write access, and free disk space"
        )
    return Finding("writes", "ok", "the database takes writes")


async def _check_pooler(settings: Settings) -> Finding:
    """Compare the mode of a pooler with DATABASE_POOLER."""
    find = imported("orak.adapters.persistence.sql.postgresql_pooler:find_pooler")
    try:
        mode: str | None = await find(settings.database)
    except Unavailable as outage:
        return Finding("pooler", "warn", str(outage), "repeat `orak doctor`: the check lost its connection")
    setting = settings.database_pooler
    if mode is None:
        return Finding("pooler", "ok", "none in front of PostgreSQL")
    detail = f"a pooler in {mode} mode, DATABASE_POOLER={setting}"
    if mode == "transaction" and setting == "session":
        return Finding(
            "pooler", "fail", f"{detail}: statements fail at random", "set DATABASE_POOLER=transaction"
        )
    if mode == "session" and setting != "session":
        return Finding(
            "pooler",
            "warn",
            f"{detail}: changes of other processes are seen by polling",
            "set DATABASE_POOLER=session, so that orak listens for them",
        )
    return Finding("pooler", "ok", detail)
