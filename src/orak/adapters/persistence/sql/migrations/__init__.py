"""The schema's history, shipped in the wheel. Nothing here is asynchronous: it runs before all else does."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection, make_url

from orak.adapters.persistence.sql.sqlite import writing_engine

T = TypeVar("T")


def upgrade(url: str, to: str = "head") -> None:
    """Bring the schema up to date, in one transaction; nothing happens if it is."""
    _on(url, lambda connection: command.upgrade(_config(connection), to))


def downgrade(url: str, to: str) -> None:
    """Go back to an older schema; what only the newer one can hold is lost."""
    _on(url, lambda connection: command.downgrade(_config(connection), to))


def current(url: str) -> str | None:
    """Return the schema's revision; None if there is no schema yet."""
    return _on(url, lambda connection: MigrationContext.configure(connection).get_current_revision())


def check(url: str) -> bool:
    """Whether the schema is the one that this orak expects."""
    return current(url) == ScriptDirectory.from_config(_config()).get_current_head()


def _config(connection: Connection | None = None) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config


def _on(url: str, work: Callable[[Connection], T]) -> T:
    engine = writing_engine(make_url(url))
    try:
        with engine.begin() as connection:  # two processes that migrate at once do so one after the other
            return work(connection)
    finally:
        engine.dispose()
