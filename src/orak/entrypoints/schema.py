"""The database's schema, before anything works on it."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from orak.adapters.persistence.sql import migrations
from orak.application.ports.failures import Unavailable
from orak.entrypoints.settings import InvalidSetting, Settings

_log = logging.getLogger(__name__)

_NEXT_TRY = 2.0
"""Seconds between looks for a database that was away at the start."""


def prepare_schema(settings: Settings) -> None:
    """Bring a file of this machine's up to date, and what others share only if that was asked for.

    Raises:
        InvalidSetting: the schema is another orak's.
        Unavailable: the database does not answer.
    """
    if settings.on_sqlite or settings.db_auto_upgrade:
        migrations.upgrade(settings.database)
    elif not migrations.check(settings.database):
        raise InvalidSetting(
            "DATABASE_URL",
            "leads to a schema that is not the one this orak expects",
            "run `orak db upgrade`, or set ORAK_DB_AUTO_UPGRADE=1",
        )


@asynccontextmanager
async def schema_prepared(settings: Settings) -> AsyncIterator[None]:
    """Do so when the block begins. A shared database that does not answer is tried again meanwhile."""
    trying: asyncio.Task[None] | None = None
    try:
        await asyncio.to_thread(prepare_schema, settings)
    except Unavailable as outage:
        if settings.on_sqlite:  # a file that cannot be opened does not come back by itself
            raise
        _log.warning("%s; orak starts without it, and tries again every %g s", outage, _NEXT_TRY)
        trying = asyncio.create_task(_prepare_later(settings), name="schema")
    try:
        yield
    finally:
        if trying is not None:
            trying.cancel()
            with suppress(asyncio.CancelledError):
                await trying


async def _prepare_later(settings: Settings) -> None:
    while True:
        await asyncio.sleep(_NEXT_TRY)
        try:
            await asyncio.to_thread(prepare_schema, settings)
        except Unavailable as outage:
            _log.debug("%s", outage)
        except InvalidSetting as invalid:
            _log.error("%s: %s", invalid, invalid.hint)
        else:
            _log.warning("the database answers")
            return
