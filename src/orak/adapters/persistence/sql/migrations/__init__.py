"""The schema's history, shipped in the wheel. Nothing here is asynchronous: it runs before all else does."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection, make_url

from orak.adapters.persistence.sql.sqlite import writing_engine

T = TypeVar("T")

HEAD = "0006"
"""The revision that this orak works on: the newest of `versions/`."""

_ERA = 1000
"""Revisions are numbers. Those of one thousand only add to the schema, so whoever knows one of them can work
on all that come after it. What an older orak cannot do without goes with the first of the next thousand."""


class UnusableSchema(Exception):
    """No migration of this orak leads from that schema to one that it can work on."""

    def __init__(self, said: str, hint: str) -> None:
        super().__init__(said)
        self.hint = hint


def upgrade(url: str) -> None:
    """Bring the schema up to date, in one transaction; nothing happens if it is, or is a newer orak's.

    Raises:
        UnusableSchema: it is neither empty nor this orak's, nor one that this orak can work on.
    """
    if not check(url):
        _migrate(url, "upgrade", HEAD, needed=lambda revision: not _is_enough(revision))


def downgrade(url: str, to: str) -> None:
    """Go back to an older schema; what only the newer one can hold is lost."""
    _migrate(url, "downgrade", to)


def current(url: str) -> str | None:
    """Return the schema's revision; None if there is no schema yet."""
    return _on(url, _revision, looking=True)


def check(url: str) -> bool:
    """Whether this orak can work on the schema: it is the expected one, or a newer one that holds it.

    Raises:
        UnusableSchema: not even after migrating.
    """
    return _is_enough(current(url))


def _is_enough(revision: str | None) -> bool:
    if revision is None:
        return False
    if not re.fullmatch("[0-9]{4}", revision):
        raise UnusableSchema(
            f"the schema is not orak's: its revision is {revision[:40]!r}", "give orak a database of its own"
        )
    if int(revision) // _ERA > int(HEAD) // _ERA:
        raise UnusableSchema(
            f"the schema, {revision}, is of a later major version than this orak's, {HEAD}",
            "install the orak that made it",
        )
    return revision >= HEAD


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def _migrate(
    url: str, direction: str, to: str, needed: Callable[[str | None], bool] = lambda _: True
) -> None:
    # Importing Alembic takes longer than all of this, and almost every start finds the schema up to date.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    def migrate(connection: Connection) -> None:
        if not needed(_revision(connection)):  # a newer orak was faster
            return
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
        getattr(command, direction)(config, to)

    _on(url, migrate)


def _on(url: str, work: Callable[[Connection], T], *, looking: bool = False) -> T:
    """Run *work* in a transaction; two processes that migrate at once do so one after the other."""
    if not url.startswith("sqlite:"):
        from orak.adapters.persistence.sql import postgresql  # noqa: PLC0415 - comes with `orak[postgresql]`

        return postgresql.look(url, work) if looking else postgresql.migrate(url, work)
    engine = writing_engine(make_url(url))
    try:
        with engine.begin() as connection:
            return work(connection)
    finally:
        engine.dispose()
