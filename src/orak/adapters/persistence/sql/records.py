from dataclasses import dataclass

from msgspec.structs import replace
from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.connections import Runner, within_transaction
from orak.adapters.persistence.sql.rows import RECORD_COLUMNS, record_values, to_record
from orak.adapters.persistence.sql.tables import records
from orak.application.ports.failures import StaleVersion
from orak.domain.errors import RecordNotFound
from orak.domain.identity import RecordId
from orak.domain.record import Record

_BY_ID = select(*RECORD_COLUMNS).where(records.c.id == bindparam("id"))
# No .values(): SQLAlchemy makes the SET clause from the parameters that are not bound in WHERE.
_SAVE = update(records).where(
    records.c.id == bindparam("of_id"), records.c.version == bindparam("read_version")
)
_REMOVE = delete(records).where(records.c.id == bindparam("id"))


@dataclass(frozen=True, slots=True)
class SqlRecords:
    """The port `Records` within one SQL transaction."""

    transaction: Runner

    @within_transaction
    def get(self, connection: Connection, record_id: RecordId) -> Record:
        row = connection.execute(_BY_ID, {"id": record_id}).one_or_none()
        if row is None:
            raise RecordNotFound(record_id)
        return to_record(row)

    @within_transaction
    def save(self, connection: Connection, record: Record) -> Record:
        saved = replace(record, version=record.version + 1)
        values = record_values(saved) | {"of_id": record.id, "read_version": record.version}
        if connection.execute(_SAVE, values).rowcount == 0:
            raise StaleVersion(f"another writer changed record {record.id} after version {record.version}")
        return saved

    @within_transaction
    def remove(self, connection: Connection, record_id: RecordId) -> None:
        if connection.execute(_REMOVE, {"id": record_id}).rowcount == 0:
            raise RecordNotFound(record_id)
