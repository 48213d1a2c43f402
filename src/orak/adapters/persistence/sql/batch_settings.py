from dataclasses import dataclass

from sqlalchemy import bindparam, select
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.connections import Connections, read, write
from orak.adapters.persistence.sql.dialect import insert
from orak.adapters.persistence.sql.tables import settings

_BATCH_SIZE = "batch_size"

_VALUE = select(settings.c.value).where(settings.c.name == bindparam("of"))


@dataclass(frozen=True, slots=True)
class SqlBatchSettings:
    """The port `BatchSettings` on SQL."""

    connections: Connections

    @read
    def batch_size(self, connection: Connection) -> int | None:
        value: str | None = connection.scalar(_VALUE, {"of": _BATCH_SIZE})
        return None if value is None else int(value)

    @write
    def set_batch_size(self, connection: Connection, size: int) -> None:
        put = insert(settings, connection.dialect)
        connection.execute(
            put.on_conflict_do_update(index_elements=[settings.c.name], set_={"value": put.excluded.value}),
            {"name": _BATCH_SIZE, "value": str(size)},
        )
