from msgspec.structs import replace
from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.connections import Runner, Violation
from orak.adapters.persistence.sql.rows import RECORD_COLUMNS, record_values, to_record
from orak.adapters.persistence.sql.tables import records
from orak.application.ports.failures import StaleVersion
from orak.domain.errors import RecordExists, RecordNotFound
from orak.domain.identity import RecordId
from orak.domain.record import Record

_BY_ID = select(*RECORD_COLUMNS).where(records.c.id == bindparam("id"))
_ADD = insert(records).returning(records.c.id)
_SAVE = update(records).where(
    records.c.id == bindparam("of_id"), records.c.version == bindparam("read_version")
)
_REMOVE = delete(records).where(records.c.id == bindparam("id"))


def get_record(connection: Connection, record_id: RecordId) -> Record:
    """Return a record. Raise `RecordNotFound`."""
    row = connection.execute(_BY_ID, {"id": record_id}).one_or_none()
    if row is None:
        raise RecordNotFound(record_id)
    return to_record(row)


def add_record(connection: Connection, record: Record) -> Record:
    """Store a new record. Raise `RecordExists` if its upload has one."""
    try:
        record_id = connection.execute(_ADD, record_values(record)).scalar_one()
    except Violation as refused:
        if refused.constraint == "uk_records_upload_id":
            raise RecordExists(record.upload_id) from refused
        raise
    return replace(record, id=record_id)


def save_record(connection: Connection, record: Record) -> Record:
    """Store a changed record. Raise `StaleVersion` if another writer was first."""
    saved = replace(record, version=record.version + 1)
    values = record_values(saved) | {"of_id": record.id, "read_version": record.version}
    if connection.execute(_SAVE, values).rowcount == 0:
        raise StaleVersion
    return saved


def remove_record(connection: Connection, record_id: RecordId) -> None:
    """Remove a record. Raise `RecordNotFound` if it is gone."""
    if connection.execute(_REMOVE, {"id": record_id}).rowcount == 0:
        raise RecordNotFound(record_id)


class SqlRecords:
    """Records within one transaction."""

    def __init__(self, transaction: Runner) -> None:
        self._transaction = transaction

    async def get(self, record_id: RecordId) -> Record:
        """Return the record. Raise `RecordNotFound`."""
        return await self._transaction.run_sync(get_record, record_id)

    async def add(self, record: Record) -> Record:
        """Store a new one. Raise `RecordExists` if its upload has one."""
        return await self._transaction.run_sync(add_record, record)

    async def save(self, record: Record) -> Record:
        """Store a changed one. Raise `StaleVersion` if another writer was first."""
        return await self._transaction.run_sync(save_record, record)

    async def remove(self, record_id: RecordId) -> None:
        """Remove it. Raise `RecordNotFound` if it is gone."""
        await self._transaction.run_sync(remove_record, record_id)
