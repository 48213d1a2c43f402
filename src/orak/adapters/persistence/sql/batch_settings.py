from sqlalchemy import bindparam, select
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.connections import Connections
from orak.adapters.persistence.sql.dialect import insert
from orak.adapters.persistence.sql.tables import settings

_BATCH_SIZE = "batch_size"

_SETTING = select(settings.c.value).where(settings.c.name == bindparam("of"))


def read_batch_size(connection: Connection) -> int | None:
    """Return what was last set."""
    value: str | None = connection.scalar(_SETTING, {"of": _BATCH_SIZE})
    return None if value is None else int(value)


def write_batch_size(connection: Connection, size: int) -> None:
    """Set it in place of what was set before."""
    put = insert(settings, connection.dialect)
    connection.execute(
        put.on_conflict_do_update(index_elements=[settings.c.name], set_={"value": put.excluded.value}),
        {"name": _BATCH_SIZE, "value": str(size)},
    )


class SqlBatchSettings:
    """Batch settings in the table `settings`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def batch_size(self) -> int | None:
        """Return what was last set; None if it never was."""
        return await self._connections.read(read_batch_size)

    async def set_batch_size(self, size: int) -> None:
        """Set it for all processes."""
        await self._connections.write(write_batch_size, size)
