from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, bindparam, delete, exists, func, or_, select, true, update
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.connections import Connections, read, write
from orak.adapters.persistence.sql.dialect import UtcDateTime, insert
from orak.adapters.persistence.sql.rows import EVENT_COLUMNS, to_logged_event
from orak.adapters.persistence.sql.statements import Statement
from orak.adapters.persistence.sql.tables import UNNUMBERED, deferred_facts, events, feed, feed_cursors
from orak.application.ports.cursors import Backlog, DeferredEvent, Lag, PendingEvents, SetAside
from orak.domain.identity import UploadId

# The column `reader` holds the name of a subscriber; `deferred_facts` holds the events that it set aside.
_deferred = deferred_facts.c
_own = _deferred.reader == bindparam("of")

_of_cursor = _deferred.reader == feed_cursors.c.reader
_in_order = select(events.c.at).order_by(events.c.position).limit(1)
_first_deferred = (
    select(events.c.at)
    .join(deferred_facts, _deferred.position == events.c.position)
    .where(_of_cursor)
    .order_by(_deferred.position)
    .limit(1)
)
_LAGS = select(
    feed.c.position.label("last"),
    _in_order.where(events.c.position > 0).scalar_subquery().label("first_at"),
    feed_cursors.c.reader,
    feed_cursors.c.position,
    select(func.count()).select_from(deferred_facts).where(_of_cursor).scalar_subquery().label("deferred"),
    select(func.count())
    .select_from(deferred_facts)
    .where(_of_cursor, _deferred.due_at <= bindparam("at", type_=UtcDateTime))
    .scalar_subquery()
    .label("overdue"),
    _in_order.where(events.c.position > feed_cursors.c.position).scalar_subquery().label("next_at"),
    _first_deferred.scalar_subquery().label("deferred_at"),
).select_from(feed.outerjoin(feed_cursors, feed_cursors.c.reader.in_(bindparam("of", expanding=True))))

# Not EXISTS, for which PostgreSQL may read all deferred events of other subscribers.
_next_due = (
    select(_deferred.due_at)
    .where(_deferred.reader == feed_cursors.c.reader)
    .order_by(_deferred.due_at)
    .limit(1)
    .scalar_subquery()
)
_BACKLOG = Statement(
    select(
        feed.c.position, exists().where(UNNUMBERED), feed_cursors.c.reader, feed_cursors.c.position, _next_due
    ).select_from(feed.outerjoin(feed_cursors, true()))
)

_LOCK_KNOWN = select(feed_cursors.c.reader).where(feed_cursors.c.reader == bindparam("of")).with_for_update()
_LOCK_HELD = _LOCK_KNOWN.where(feed_cursors.c.held_by == bindparam("holder"))
_HOLD = Statement(
    update(feed_cursors)
    .where(
        feed_cursors.c.reader == bindparam("of"),
        or_(
            feed_cursors.c.held_by.is_(None),
            feed_cursors.c.held_by == bindparam("holder"),
            feed_cursors.c.held_until <= bindparam("at", type_=UtcDateTime),
        ),
    )
    .values(held_by=bindparam("holder"), held_until=bindparam("until", type_=UtcDateTime))
    .returning(feed_cursors.c.position)
)
_holder = bindparam("holder", type_=feed_cursors.c.held_by.type)
_ADVANCE = Statement(
    update(feed_cursors)
    .where(
        feed_cursors.c.reader == bindparam("of"),
        feed_cursors.c.position < bindparam("to"),
        or_(_holder.is_(None), feed_cursors.c.held_by == _holder),
    )
    .values(position=bindparam("to"))
)
_RELEASE = Statement(
    update(feed_cursors)
    .where(feed_cursors.c.reader == bindparam("of"), feed_cursors.c.held_by == bindparam("holder"))
    .values(held_by=None, held_until=None)
)

_DUE = (
    select(*EVENT_COLUMNS, _deferred.tries)
    .join(deferred_facts, _deferred.position == events.c.position)
    .where(_own, _deferred.due_at <= bindparam("at", type_=UtcDateTime))
    .order_by(_deferred.due_at, _deferred.position)
    .limit(bindparam("limit"))
)
_earlier = deferred_facts.alias("earlier")
_DUE_IN_ORDER = _DUE.where(
    ~exists().where(
        and_(
            _earlier.c.reader == _deferred.reader,
            _earlier.c.upload_id == _deferred.upload_id,
            _earlier.c.position < _deferred.position,
        )
    )
)
_SETTLE = delete(deferred_facts).where(_own, _deferred.position.in_(bindparam("settled", expanding=True)))
_BLOCKED = (
    select(_deferred.upload_id)
    .distinct()
    .where(_own, _deferred.upload_id.in_(bindparam("uploads", expanding=True)))
)


@dataclass(frozen=True, slots=True)
class SqlCursors:
    """The port `Cursors` on SQL."""

    connections: Connections

    @read
    def lags(self, connection: Connection, subscribers: Sequence[str], at: datetime) -> list[Lag]:
        rows = connection.execute(_LAGS, {"of": list(subscribers), "at": at}).all()
        found = {
            name: Lag(name, last - position, deferred, overdue, _oldest(next_at, deferred_at))
            for last, _, name, position, deferred, overdue, next_at, deferred_at in rows
            if name is not None
        }
        last, first_at = rows[0][:2]  # there is a row without a cursor, too
        return [found.get(one) or Lag(one, last, 0, 0, first_at) for one in subscribers]

    async def backlog(self, at: datetime) -> Backlog:
        rows = await self.connections.fetch(_BACKLOG, {})
        last, has_unnumbered = rows[0][:2]
        pending = {
            reader: PendingEvents(position, position < last, due_at is not None and due_at <= at)
            for *_, reader, position, due_at in rows
            if reader is not None and (position < last or due_at is not None)
        }
        return Backlog(last, bool(has_unnumbered), pending)

    @write
    def begin(self, connection: Connection, subscriber: str, position: int) -> None:
        begin_cursor(connection, subscriber, position)

    async def hold(self, subscriber: str, holder: str, *, at: datetime, until: datetime) -> int | None:
        hold = {"of": subscriber, "holder": holder, "at": at, "until": until}
        held = await self.connections.fetch(_HOLD, hold)
        return held[0][0] if held else None

    async def let_go(self, subscriber: str, holder: str) -> None:
        await self.connections.fetch(_RELEASE, {"of": subscriber, "holder": holder})

    async def advance(
        self, subscriber: str, position: int, aside: Sequence[SetAside] = (), *, holder: str | None = None
    ) -> None:
        if aside:
            await self._advance_and_defer(subscriber, position, aside, holder)
            return
        to = {"of": subscriber, "to": position, "holder": holder}
        await self.connections.fetch(_ADVANCE, to)

    @write
    def _advance_and_defer(
        self,
        connection: Connection,
        subscriber: str,
        position: int,
        aside: Sequence[SetAside],
        holder: str | None,
    ) -> None:
        if not _may_write(connection, subscriber, holder):
            return
        _set_aside(connection, subscriber, aside)
        connection.execute(_ADVANCE.expression, {"of": subscriber, "to": position, "holder": holder})

    @read
    def deferred(
        self, connection: Connection, subscriber: str, at: datetime, limit: int, *, in_order: bool
    ) -> list[DeferredEvent]:
        query = _DUE_IN_ORDER if in_order else _DUE
        rows = connection.execute(query, {"of": subscriber, "at": at, "limit": limit})
        return [DeferredEvent(to_logged_event(row[:-1]), row.tries) for row in rows]

    @write
    def settle(
        self,
        connection: Connection,
        subscriber: str,
        done: Collection[int],
        again: Sequence[SetAside] = (),
        *,
        holder: str | None = None,
    ) -> None:
        if not _may_write(connection, subscriber, holder):
            return
        _set_aside(connection, subscriber, again)
        if done:
            connection.execute(_SETTLE, {"of": subscriber, "settled": list(done)})

    @read
    def blocked(
        self, connection: Connection, subscriber: str, uploads: Collection[UploadId]
    ) -> frozenset[UploadId]:
        return frozenset(connection.scalars(_BLOCKED, {"of": subscriber, "uploads": list(uploads)}))


def _oldest(*times: datetime | None) -> datetime | None:
    return min((time for time in times if time is not None), default=None)


def begin_cursor(connection: Connection, subscriber: str, position: int) -> None:
    """Add the cursor of *subscriber* at *position*, unless it has one."""
    begin = insert(feed_cursors, connection.dialect).on_conflict_do_nothing()
    connection.execute(begin, {"reader": subscriber, "position": position})


def _may_write(connection: Connection, subscriber: str, holder: str | None) -> bool:
    # The lock makes a process that takes over or removes the subscriber wait until this is written.
    if holder is None:
        return bool(connection.execute(_LOCK_KNOWN, {"of": subscriber}).one_or_none())
    return bool(connection.execute(_LOCK_HELD, {"of": subscriber, "holder": holder}).one_or_none())


def _set_aside(connection: Connection, subscriber: str, aside: Sequence[SetAside]) -> None:
    if not aside:
        return
    defer = insert(deferred_facts, connection.dialect)
    connection.execute(
        defer.on_conflict_do_update(
            index_elements=[_deferred.reader, _deferred.position],
            set_={"due_at": defer.excluded.due_at, "tries": defer.excluded.tries},
        ),
        [
            {
                "reader": subscriber,
                "position": one.position,
                "upload_id": one.upload_id,
                "due_at": one.due_at,
                "tries": one.tries,
            }
            for one in aside
        ],
    )
