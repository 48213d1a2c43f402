"""The schema's history, shipped in the wheel. Nothing here is asynchronous: it runs before all else does."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection, make_url

from orak.adapters.persistence.sql.sqlite import writing_engine

T = TypeVar("T")

HEAD = "0005"
"""The revision that this orak works on: the newest of `versions/`."""


def upgrade(url: str) -> None:
    """Bring the schema up to date, in one transaction; nothing happens if it is."""
    if not check(url):
        _migrate(url, "upgrade", HEAD)


def downgrade(url: str, to: str) -> None:
    """Go back to an older schema; what only the newer one can hold is lost."""
    _migrate(url, "downgrade", to)


def current(url: str) -> str | None:
    """Return the schema's revision; None if there is no schema yet."""
    return _on(url, _revision, looking=True)


def check(url: str) -> bool:
    """Whether the schema is the one that this orak expects."""
    return current(url) == HEAD


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def _migrate(url: str, direction: str, to: str) -> None:
    # Importing Alembic takes longer than all of this, and almost every start finds the schema up to date.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    def migrate(connection: Connection) -> None:
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
