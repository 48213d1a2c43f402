"""The database's schema, before anything works on it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from orak.adapters.persistence.sql import migrations
from orak.application.ports.failures import Unavailable
from orak.entrypoints.settings.checks import InvalidSetting
from orak.entrypoints.settings.values import Settings

_log = logging.getLogger(__name__)

_NEXT_TRY = 2.0
"""Seconds between looks for a database that was away at the start."""


def prepare_schema(settings: Settings) -> None:
    """Bring a file of this machine's up to date, and what others share only if that was asked for.

    Raises:
        InvalidSetting: the schema is older than this orak, or none that it can work on.
        Unavailable: the database does not answer.
    """
    try:
        if settings.on_sqlite or settings.db_auto_upgrade:
            migrations.upgrade(settings.database)
        elif not migrations.check(settings.database):
            raise InvalidSetting(
                "DATABASE_URL",
                "leads to a schema that is not the one this orak expects",
                "run `orak db upgrade`, or set ORAK_DB_AUTO_UPGRADE=1",
            )
    except migrations.UnusableSchema as error:
        raise InvalidSetting("DATABASE_URL", f"cannot be used: {error}", error.hint) from error
    found, known = migrations.current(settings.database), migrations.HEAD
    if found != known:
        _log.warning("the schema is a newer orak's, %s; this one knows %s and goes on", found, known)


@asynccontextmanager
async def schema_prepared(settings: Settings, *, patient: bool) -> AsyncIterator[Callable[[], None]]:
    """Do so when the block begins; a shared database that is away is tried again meanwhile if *patient*.

    What the block is given raises `Unavailable` until the schema is known to be the right one.

    Raises:
        InvalidSetting: as before.
        Unavailable: as before, for a file or if not *patient*.
    """
    preparation = _Preparation(settings)
    trying: asyncio.Task[None] | None = None
    try:
        await asyncio.to_thread(prepare_schema, settings)
    except Unavailable as outage:
        if settings.on_sqlite or not patient:  # a file that cannot be opened does not come back by itself
            raise
        _log.warning("%s; orak starts without it, and tries again every %g s", outage, _NEXT_TRY)
        preparation.lacking = str(outage)
        trying = asyncio.create_task(preparation.go_on(), name="schema")
    try:
        yield preparation.admit
    finally:
        if trying is not None:
            trying.cancel()
            await asyncio.wait({trying})  # unlike awaiting it, this lets its caller be cancelled


class _Preparation:
    """The tries to prepare a schema, and what the last one lacked."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.lacking: str | None = None

    def admit(self) -> None:
        """Raise `Unavailable` while something is lacking."""
        if self.lacking is not None:
            raise Unavailable(self.lacking)

    async def go_on(self) -> None:
        """Try until nothing is."""
        while self.lacking is not None:
            await asyncio.sleep(_NEXT_TRY)
            self.lacking = await self._try()
        _log.warning("the database answers")

    async def _try(self) -> str | None:
        try:
            await asyncio.to_thread(prepare_schema, self._settings)
        except Unavailable as outage:
            _log.warning("%s; next try in %g s", outage, _NEXT_TRY)
            return str(outage)
        except InvalidSetting as invalid:
            _log.error("%s: %s; next look in %g s", invalid, invalid.hint, _NEXT_TRY)
            return f"the database: {invalid}"
        except Exception as error:  # noqa: BLE001 - a migration that fails must not end the tries
            _log.exception("the schema was not prepared; next try in %g s", _NEXT_TRY)
            return f"the database's schema: {type(error).__name__}"
        return None
