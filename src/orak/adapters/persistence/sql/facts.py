from datetime import datetime

from sqlalchemy import bindparam, delete, exists, func, select, update
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.connections import Connections
from orak.adapters.persistence.sql.dialect import insert
from orak.adapters.persistence.sql.rows import FACT_COLUMNS, to_fact
from orak.adapters.persistence.sql.tables import UNNUMBERED, deferred_facts, events, feed, feed_cursors
from orak.domain.events import NumberedFact

_AT_ONCE = 1000
"""How many facts get their positions in one transaction: it holds up no writer for long."""

_ANY_NEW = select(exists().where(UNNUMBERED))
_LAST = select(feed.c.position).with_for_update()
_new = (
    select(events.c.id, func.row_number().over(order_by=events.c.id).label("place"))
    .where(UNNUMBERED)
    .order_by(events.c.id)
    .limit(_AT_ONCE)
    .subquery("new")
)
_NUMBER = (
    update(events)
    .where(events.c.id == _new.c.id)
    .values(position=bindparam("last", type_=events.c.position.type) + _new.c.place)
)
_REMEMBER = update(feed)
_AFTER = (
    select(*FACT_COLUMNS)
    .where(events.c.position > bindparam("after"))
    .order_by(events.c.position)
    .limit(bindparam("limit"))
)
_CURSOR = select(feed_cursors.c.position).where(feed_cursors.c.reader == bindparam("of"))

_LAST_SEEN = select(feed.c.position)
_DEFERRED = (
    select(*FACT_COLUMNS)
    .join(deferred_facts, deferred_facts.c.position == events.c.position)
    .where(deferred_facts.c.reader == bindparam("of"), deferred_facts.c.due_at <= bindparam("at"))
    .order_by(deferred_facts.c.due_at, deferred_facts.c.position)
    .limit(bindparam("limit"))
)
_SETTLE = delete(deferred_facts).where(
    deferred_facts.c.reader == bindparam("of"), deferred_facts.c.position == bindparam("settled")
)


def any_new(connection: Connection) -> bool:
    """Whether a fact has no position yet."""
    return bool(connection.scalar(_ANY_NEW))


def number_some(connection: Connection) -> int:
    """Give the next positions; say to how many facts."""
    # Whoever holds this row numbers; what others commit meanwhile is the next round's.
    last = connection.execute(_LAST).scalar_one()
    numbered = connection.execute(_NUMBER, {"last": last}).rowcount
    connection.execute(_REMEMBER, {"position": last + numbered})
    return numbered


def facts_after(connection: Connection, position: int, limit: int) -> list[NumberedFact]:
    """Return the facts beyond *position*, in order."""
    return [to_fact(row) for row in connection.execute(_AFTER, {"after": position, "limit": limit})]


def cursor_of(connection: Connection, reader: str) -> int:
    """Return the position up to which *reader* is done."""
    return connection.scalar(_CURSOR, {"of": reader}) or 0


def advance_cursor(connection: Connection, reader: str, position: int) -> None:
    """Note that *reader* is done up to *position*, unless it was done further already."""
    advance = insert(feed_cursors, connection.dialect)
    connection.execute(
        advance.on_conflict_do_update(
            index_elements=[feed_cursors.c.reader],
            set_={"position": advance.excluded.position},
            where=feed_cursors.c.position < advance.excluded.position,
        ),
        {"reader": reader, "position": position},
    )


def last_position(connection: Connection) -> int:
    """Return the position of the newest numbered fact; 0 for an empty feed."""
    position: int = connection.execute(_LAST_SEEN).scalar_one()
    return position


def defer_fact(connection: Connection, reader: str, position: int, until: datetime) -> None:
    """Set one fact aside for *reader*, or set it aside for longer."""
    defer = insert(deferred_facts, connection.dialect)
    connection.execute(
        defer.on_conflict_do_update(
            index_elements=[deferred_facts.c.reader, deferred_facts.c.position],
            set_={"due_at": defer.excluded.due_at},
        ),
        {"reader": reader, "position": position, "due_at": until},
    )


def deferred_until(connection: Connection, reader: str, at: datetime, limit: int) -> list[NumberedFact]:
    """Return facts set aside until then or earlier, the longest overdue first."""
    return [to_fact(row) for row in connection.execute(_DEFERRED, {"of": reader, "at": at, "limit": limit})]


def settle_fact(connection: Connection, reader: str, position: int) -> None:
    """Note that *reader* is done with a fact that it had set aside."""
    connection.execute(_SETTLE, {"of": reader, "settled": position})


class SqlFacts:
    """The feed."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def number(self) -> int:
        """Give the next positions to the facts that have none, in the order of their ids; say to how many."""
        total = 0
        while await self._connections.read(any_new):  # an idle feed disturbs no writer
            total += await self._connections.write(number_some)
        return total

    async def after(self, position: int, limit: int) -> list[NumberedFact]:
        """Return the facts beyond *position*, in order."""
        return await self._connections.read(facts_after, position, limit)

    async def cursor(self, reader: str) -> int:
        """Return the position up to which *reader* is done; 0 for a new one."""
        return await self._connections.read(cursor_of, reader)

    async def advance(self, reader: str, position: int) -> None:
        """Note that *reader* is done up to *position*; a cursor never goes back."""
        await self._connections.write(advance_cursor, reader, position)

    async def last(self) -> int:
        """Return the position of the newest numbered fact; 0 for an empty feed."""
        return await self._connections.read(last_position)

    async def defer(self, reader: str, position: int, until: datetime) -> None:
        """Set one fact aside for *reader*, or set it aside for longer."""
        await self._connections.write(defer_fact, reader, position, until)

    async def deferred(self, reader: str, at: datetime, limit: int) -> list[NumberedFact]:
        """Return facts set aside until then or earlier, the longest overdue first."""
        return await self._connections.read(deferred_until, reader, at, limit)

    async def settle(self, reader: str, position: int) -> None:
        """Note that *reader* is done with a fact that it had set aside."""
        await self._connections.write(settle_fact, reader, position)
