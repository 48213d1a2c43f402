from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import bindparam, delete
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.connections import Connections, write
from orak.adapters.persistence.sql.dialect import insert
from orak.adapters.persistence.sql.tables import settings

_DAY = timedelta(days=1)
_NAME = "last_{}"

_FORGET = delete(settings).where(settings.c.name == bindparam("of"))


@dataclass(frozen=True, slots=True)
class SqlDailyWork:
    """The port `DailyWork` on SQL: a row for each kind of work, with the time of its last beginning."""

    connections: Connections

    @write
    def begin(self, connection: Connection, name: str, at: datetime) -> bool:
        put = insert(settings, connection.dialect)
        begin = put.on_conflict_do_update(
            index_elements=[settings.c.name],
            set_={"value": put.excluded.value},
            where=settings.c.value <= _text(at - _DAY),
        )
        return bool(connection.execute(begin, {"name": _NAME.format(name), "value": _text(at)}).rowcount)

    @write
    def abandon(self, connection: Connection, name: str) -> None:
        connection.execute(_FORGET, {"of": _NAME.format(name)})


def _text(at: datetime) -> str:
    """Return a time in a form whose texts have the order of the times."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")
