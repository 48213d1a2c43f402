from collections.abc import Iterator
from contextlib import contextmanager

from orak.adapters.persistence.sql.migrations import UnusableSchema
from orak.entrypoints.settings.checks import InvalidSetting


@contextmanager
def database_url_named() -> Iterator[None]:
    """Raise `InvalidSetting` for DATABASE_URL where the block raises `UnusableSchema`."""
    try:
        yield
    except UnusableSchema as unusable:
        raise InvalidSetting("DATABASE_URL", f"cannot be used: {unusable}", unusable.hint) from unusable
