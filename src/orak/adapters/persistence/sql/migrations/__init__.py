"""The migrations of the schema, shipped in the wheel.

They are synchronous: they run before anything else.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection, Engine, make_url

from orak.adapters.persistence.sql.foreign_tables import foreign_tables, has_original_tables
from orak.adapters.persistence.sql.sqlite import reading_engine, writing_engine
from orak.adapters.persistence.sql.users import is_adopted
from orak.application.ports.failures import InvalidConfiguration

T = TypeVar("T")

HEAD = "1001"
"""The revision that this version of orak makes: the newest one in `versions/`."""

_ERA = 1000
"""Revisions are numbers. Within one thousand, a revision only adds to the schema, so an older orak can work
on it. A revision that removes what an older orak needs comes with the next thousand, a major version; an
older orak then refuses to start."""


_SHOWN_TABLES = 5


class UnusableSchema(InvalidConfiguration):
    """The database has a schema that this version of orak cannot work on."""

    def __init__(self, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.hint = hint


def upgrade(url: str) -> None:
    """Migrate the schema to `HEAD` in one transaction.

    A schema that is current or newer stays as it is.

    Raises:
        UnusableSchema: another program or a later major version of orak made the schema.
    """
    if not check(url):
        _migrate(url, "upgrade", HEAD, needed=lambda revision: not _is_enough(revision))


def downgrade(url: str, to: str) -> None:
    """Go back to an older schema; data that the older schema cannot hold is lost.

    Raise `UnusableSchema` if orak adopted the tables: some of them are the app's, and would be dropped.
    """
    if read(url, lambda connection: inspect(connection).has_table("settings") and is_adopted(connection)):
        raise UnusableSchema("the tables were adopted from another app", "restore a backup instead")
    _migrate(url, "downgrade", to)


def current(url: str) -> str | None:
    """Return the revision of the schema; None if there is no schema yet."""
    return read(url, _revision)


def check(url: str) -> bool:
    """Whether this version of orak can work on the schema as it is.

    It can if the schema is at `HEAD`, or newer and compatible.

    Raises:
        UnusableSchema: another program or a later major version of orak made the schema.
    """
    return _is_enough(read(url, _own_revision))


def _is_enough(revision: str | None) -> bool:
    if revision is None:
        return False
    if not re.fullmatch("[0-9]{4}", revision):
        raise _belongs_to_another_program(f"its schema is at revision {revision[:40]!r}")
    if int(revision) // _ERA > int(HEAD) // _ERA:
        raise UnusableSchema(
            f"the schema is at revision {revision}, of a later major version than {HEAD}, which orak needs",
            "install the version of orak that made it",
        )
    return revision >= HEAD


def _own_revision(connection: Connection) -> str | None:
    revision = _revision(connection)
    if revision is not None:
        if not inspect(connection).has_table("feed"):  # Alembic's table is another program's
            raise _belongs_to_another_program(f"its schema is at revision {revision[:40]!r}")
    elif tables := foreign_tables(connection):
        if has_original_tables(connection):
            raise UnusableSchema(
                "the database has the tables of another app, which orak has not adopted yet",
                "run `orak db upgrade --dry-run` to see what orak would change, then `orak db upgrade`",
            )
        shown = ", ".join(tables[:_SHOWN_TABLES]) + (" and others" if len(tables) > _SHOWN_TABLES else "")
        raise _belongs_to_another_program(f"it has {'the tables' if tables[1:] else 'a table'} {shown}")
    return revision


def _belongs_to_another_program(evidence: str) -> UnusableSchema:
    return UnusableSchema(
        f"the database belongs to another program: {evidence}", "use a separate database for orak"
    )


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def _migrate(
    url: str, direction: str, to: str, needed: Callable[[str | None], bool] = lambda _: True
) -> None:
    def migrate(connection: Connection) -> None:
        if needed(_revision(connection)):  # else another process migrated it while this one waited
            run_alembic(connection, direction, to)

    write(url, migrate)


def run_alembic(connection: Connection, command: str, to: str) -> None:
    """Run `upgrade`, `downgrade` or `stamp` in the transaction of *connection*."""
    # Importing Alembic takes longer than the check, and at most starts the schema is up to date.
    from alembic import command as commands  # noqa: PLC0415 - see above
    from alembic.config import Config  # noqa: PLC0415 - see above

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    getattr(commands, command)(config, to)


def read(url: str, work: Callable[[Connection], T]) -> T:
    """Run *work*, which only reads. A database without a file counts as empty."""
    if not url.startswith("sqlite:"):
        from orak.adapters.persistence.sql import postgresql  # noqa: PLC0415 - installed by `orak[postgresql]`

        return postgresql.read_once(url, work)
    return _run(reading_engine(make_url(url)), work)


def write(url: str, work: Callable[[Connection], T]) -> T:
    """Run *work* in a transaction; processes that migrate concurrently take turns."""
    if not url.startswith("sqlite:"):
        from orak.adapters.persistence.sql import postgresql  # noqa: PLC0415 - installed by `orak[postgresql]`

        return postgresql.migrate(url, work)
    return _run(writing_engine(make_url(url)), work)


def _run(engine: Engine, work: Callable[[Connection], T]) -> T:
    try:
        with engine.begin() as connection:
            return work(connection)
    finally:
        engine.dispose()
