"""The check of the schema at start: migrate it, accept it, or refuse it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from orak.adapters.persistence.sql import migrations
from orak.adapters.persistence.sql.migrations import UnusableSchema
from orak.application.ports.failures import Unavailable

_log = logging.getLogger(__name__)

_RETRY_SECONDS = 2.0
"""Seconds between attempts to reach a database that was down at start."""


def prepare_schema(url: str, *, upgrade: bool) -> None:
    """Migrate an outdated schema, or refuse it.

    It is migrated if *upgrade* is true, and always on SQLite. A SQLite file belongs to this machine; other
    machines may still use a PostgreSQL database as it is.

    Raises:
        UnusableSchema: the schema is outdated, of a later major version, or made by another program.
        Unavailable: the database does not answer.
    """
    if upgrade or _is_sqlite(url):
        migrations.upgrade(url)
    elif not migrations.check(url):
        found = migrations.current(url)
        raise UnusableSchema(
            f"the schema is at revision {found}; this version of orak needs {migrations.HEAD}"
            if found
            else "the database has no schema yet",
            "run `orak db upgrade`, or set ORAK_DB_AUTO_UPGRADE=1",
        )
    found, known = migrations.current(url), migrations.HEAD
    if found != known:
        _log.warning(
            "the schema is at revision %s, newer than %s of this version of orak; continuing",
            found,
            known,
            extra={"event": "schema"},
        )


@asynccontextmanager
async def schema_prepared(url: str, *, upgrade: bool, patient: bool) -> AsyncIterator[Callable[[], None]]:
    """Prepare the schema.

    If *patient*, retry in the background while PostgreSQL is down.

    Yields a function that raises `Unavailable` until the schema is known to be usable.

    Raises:
        UnusableSchema: as `prepare_schema`.
        Unavailable: the database does not answer, and it is SQLite or *patient* is false.
    """
    preparation = _Preparation(url, upgrade=upgrade)
    retries: asyncio.Task[None] | None = None
    try:
        await asyncio.to_thread(prepare_schema, url, upgrade=upgrade)
    except Unavailable as outage:
        if _is_sqlite(url) or not patient:  # retrying does not help: a file that cannot be opened stays so
            raise
        _log.warning(
            "%s; orak starts without it and retries every %g s",
            *(outage, _RETRY_SECONDS),
            extra=_outage(outage),
        )
        preparation.problem = str(outage)
        retries = asyncio.create_task(preparation.retry(), name="schema")
    try:
        yield preparation.admit
    finally:
        if retries is not None:
            retries.cancel()
            await asyncio.wait({retries})  # unlike awaiting the task, this lets the caller be cancelled


class _Preparation:
    """Attempts to prepare a schema, and the problem that the last one met."""

    def __init__(self, url: str, *, upgrade: bool) -> None:
        self._url = url
        self._upgrade = upgrade
        self.problem: str | None = None

    def admit(self) -> None:
        """Raise `Unavailable` while there is a problem."""
        if self.problem is not None:
            raise Unavailable(self.problem)

    async def retry(self) -> None:
        """Retry until an attempt meets no problem."""
        while self.problem is not None:
            await asyncio.sleep(_RETRY_SECONDS)
            self.problem = await self._attempt()
        _log.warning("the database answers", extra={"event": "recovery", "part": "database"})

    async def _attempt(self) -> str | None:
        try:
            await asyncio.to_thread(prepare_schema, self._url, upgrade=self._upgrade)
        except Unavailable as outage:
            _log.warning("%s; next try in %g s", outage, _RETRY_SECONDS, extra=_outage(outage))
            return str(outage)
        except UnusableSchema as unusable:
            _log.error(
                "the database: %s: %s; next try in %g s",
                *(unusable, unusable.hint, _RETRY_SECONDS),
                extra=_outage(unusable),
            )
            return f"the database: {unusable}"
        except Exception as error:  # noqa: BLE001 - a failed migration must not end the retries
            _log.exception(
                "the schema was not prepared; next try in %g s", _RETRY_SECONDS, extra=_outage(error)
            )
            return f"the database's schema: {type(error).__name__}"
        return None


def _is_sqlite(url: str) -> bool:
    return url.startswith("sqlite:")


def _outage(error: Exception) -> dict[str, object]:
    """Return the fields of a line about a database that cannot be used yet."""
    return {"event": "outage", "part": "database", "reason": str(error), "retrySeconds": _RETRY_SECONDS}
