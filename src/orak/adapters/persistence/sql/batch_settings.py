from dataclasses import dataclass

from sqlalchemy import BigInteger, Text, bindparam, cast, select
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.connections import Connections, read, write
from orak.adapters.persistence.sql.dialect import insert
from orak.adapters.persistence.sql.statements import Statement
from orak.adapters.persistence.sql.tables import settings
from orak.application.ports.batch_log import BatchReport, BatchTotals

_BATCH_SIZE = "batch_size"
_TRIGGERS = "batch_triggers"
_TOTAL = "batch_total_"

_VALUE = Statement(select(settings.c.value).where(settings.c.name == bindparam("of")))
_TOTALS = select(settings.c.name, settings.c.value).where(settings.c.name.startswith(_TOTAL, autoescape=True))


@dataclass(frozen=True, slots=True)
class SqlBatchSettings:
    """The port `BatchSettings` on SQL."""

    connections: Connections

    async def batch_size(self) -> int | None:
        found = await self.connections.fetch(_VALUE, {"of": _BATCH_SIZE})
        return int(found[0][0]) if found else None

    @write
    def set_batch_size(self, connection: Connection, size: int) -> None:
        put = insert(settings, connection.dialect)
        connection.execute(
            put.on_conflict_do_update(index_elements=[settings.c.name], set_={"value": put.excluded.value}),
            {"name": _BATCH_SIZE, "value": str(size)},
        )

    @write
    def trigger(self, connection: Connection) -> None:
        _count_up(connection, {_TRIGGERS: 1})

    async def triggers(self) -> int:
        found = await self.connections.fetch(_VALUE, {"of": _TRIGGERS})
        return int(found[0][0]) if found else 0


@dataclass(frozen=True, slots=True)
class SqlBatchLog:
    """The port `BatchLog` on SQL: a row for each total, of which the duration is in milliseconds."""

    connections: Connections

    @write
    def add(self, connection: Connection, report: BatchReport) -> None:
        counts = {
            "batches": 1,
            "full": int(report.is_full),
            "started": report.started,
            "completed": report.completed,
            "failed": report.failed,
            "milliseconds": round(report.seconds * 1000),
        }
        _count_up(connection, {_TOTAL + name: count for name, count in counts.items()})

    @read
    def totals(self, connection: Connection) -> BatchTotals:
        totals = {name.removeprefix(_TOTAL): int(value) for name, value in connection.execute(_TOTALS)}
        seconds = totals.pop("milliseconds", 0) / 1000
        return BatchTotals(seconds=seconds, **totals)


def _count_up(connection: Connection, counts: dict[str, int]) -> None:
    """Add to the counters with these names; a missing one is 0."""
    put = insert(settings, connection.dialect)
    total = cast(settings.c.value, BigInteger) + cast(put.excluded.value, BigInteger)
    connection.execute(
        put.on_conflict_do_update(index_elements=[settings.c.name], set_={"value": cast(total, Text)}),
        # In one order, or two processes could deadlock.
        [{"name": name, "value": str(count)} for name, count in sorted(counts.items())],
    )
