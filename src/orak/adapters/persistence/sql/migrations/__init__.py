"""The migrations of the schema, shipped in the wheel.

They are synchronous: they run before anything else.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection, make_url

from orak.adapters.persistence.sql.sqlite import writing_engine
from orak.application.ports.failures import InvalidConfiguration

T = TypeVar("T")

HEAD = "0010"
"""The revision that this version of orak makes: the newest one in `versions/`."""

_ERA = 1000
"""Revisions are numbers. Within one thousand, a revision only adds to the schema, so an older orak can work
on it. A revision that removes what an older orak needs begins the next thousand: a major version."""


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
    """Go back to an older schema; data that the older schema cannot hold is lost."""
    _migrate(url, "downgrade", to)


def current(url: str) -> str | None:
    """Return the revision of the schema; None if there is no schema yet."""
    return _on(url, _revision, read_only=True)


def check(url: str) -> bool:
    """Whether this version of orak can work on the schema as it is.

    It can if the schema is at `HEAD`, or newer and compatible.

    Raises:
        UnusableSchema: another program or a later major version of orak made the schema.
    """
    return _is_enough(current(url))


def _is_enough(revision: str | None) -> bool:
    if revision is None:
        return False
    if not re.fullmatch("[0-9]{4}", revision):
        raise UnusableSchema(
            f"the database belongs to another program: its schema is at revision {revision[:40]!r}",
            "use a separate database for orak",
        )
    if int(revision) // _ERA > int(HEAD) // _ERA:
        raise UnusableSchema(
            f"the schema is at revision {revision}, of a later major version than {HEAD}, which orak needs",
            "install the version of orak that made it",
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
    # Importing Alembic takes longer than the check, and at most starts the schema is up to date.
    from alembic import command  # noqa: PLC0415 - see above
    from alembic.config import Config  # noqa: PLC0415 - see above

    def migrate(connection: Connection) -> None:
        if not needed(_revision(connection)):  # another process migrated it while this one waited
            return
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
        getattr(command, direction)(config, to)

    _on(url, migrate)


def _on(url: str, work: Callable[[Connection], T], *, read_only: bool = False) -> T:
    """Run *work* in a transaction; processes that migrate concurrently take turns."""
    if not url.startswith("sqlite:"):
        from orak.adapters.persistence.sql import postgresql  # noqa: PLC0415 - installed by `orak[postgresql]`

        return postgresql.read_once(url, work) if read_only else postgresql.migrate(url, work)
    engine = writing_engine(make_url(url))
    try:
        with engine.begin() as connection:
            return work(connection)
    finally:
        engine.dispose()
