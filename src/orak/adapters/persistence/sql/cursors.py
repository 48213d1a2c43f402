from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import and_, bindparam, delete, exists, func, or_, select, update
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.connections import Connections
from orak.adapters.persistence.sql.dialect import UtcDateTime, insert
from orak.adapters.persistence.sql.rows import EVENT_COLUMNS, to_logged_event
from orak.adapters.persistence.sql.tables import deferred_facts, events, feed, feed_cursors
from orak.application.ports.cursors import DeferredEvent, Lag, SetAside
from orak.domain.identity import UploadId

_aside = deferred_facts.c
_mine = _aside.reader == bindparam("of")

_POSITION = select(feed_cursors.c.position).where(feed_cursors.c.reader == bindparam("of"))
_place = func.coalesce(_POSITION.scalar_subquery(), 0)
_next = select(events.c.at).where(events.c.position > _place).order_by(events.c.position).limit(1)
_first_aside = (
    select(events.c.at)
    .join(deferred_facts, _aside.position == events.c.position)
    .where(_mine)
    .order_by(_aside.position)
    .limit(1)
)
_LAG = select(
    (select(feed.c.position).scalar_subquery() - _place).label("behind"),
    select(func.count()).select_from(deferred_facts).where(_mine).scalar_subquery().label("deferred"),
    select(func.count())
    .select_from(deferred_facts)
    .where(_mine, _aside.due_at <= bindparam("at", type_=UtcDateTime))
    .scalar_subquery()
    .label("overdue"),
    _next.scalar_subquery().label("next_at"),
    _first_aside.scalar_subquery().label("aside_at"),
)

_KNOWN = select(feed_cursors.c.reader).where(feed_cursors.c.reader == bindparam("of")).with_for_update()
_HELD = _KNOWN.where(feed_cursors.c.held_by == bindparam("holder"))
_HOLD = (
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
_ADVANCE = (
    update(feed_cursors)
    .where(feed_cursors.c.reader == bindparam("of"), feed_cursors.c.position < bindparam("to"))
    .values(position=bindparam("to"))
)
_LET_GO = (
    update(feed_cursors)
    .where(feed_cursors.c.reader == bindparam("of"), feed_cursors.c.held_by == bindparam("holder"))
    .values(held_by=None, held_until=None)
)

_DUE = (
    select(*EVENT_COLUMNS, _aside.tries)
    .join(deferred_facts, _aside.position == events.c.position)
    .where(_mine, _aside.due_at <= bindparam("at", type_=UtcDateTime))
    .order_by(_aside.due_at, _aside.position)
    .limit(bindparam("limit"))
)
_earlier = deferred_facts.alias("earlier")
_DUE_IN_ORDER = _DUE.where(
    ~exists().where(
        and_(
            _earlier.c.reader == _aside.reader,
            _earlier.c.upload_id == _aside.upload_id,
            _earlier.c.position < _aside.position,
        )
    )
)
_SETTLE = delete(deferred_facts).where(_mine, _aside.position.in_(bindparam("settled", expanding=True)))
_BLOCKED = (
    select(_aside.upload_id)
    .distinct()
    .where(_mine, _aside.upload_id.in_(bindparam("uploads", expanding=True)))
)


def lag_of(connection: Connection, subscriber: str, at: datetime) -> Lag:
    """Say how much *reader* has before it."""
    row = connection.execute(_LAG, {"of": subscriber, "at": at}).one()
    oldest = min((time for time in (row.next_at, row.aside_at) if time is not None), default=None)
    return Lag(subscriber, row.behind, row.deferred, row.overdue, oldest)


def begin_cursor(connection: Connection, subscriber: str, position: int) -> None:
    """Make *reader* known, unless it is."""
    begin = insert(feed_cursors, connection.dialect).on_conflict_do_nothing()
    connection.execute(begin, {"reader": subscriber, "position": position})


def hold_cursor(
    connection: Connection, subscriber: str, holder: str, *, at: datetime, until: datetime
) -> int | None:
    """Let *holder* read for *reader*; return its position, or None while another holds it."""
    hold = {"of": subscriber, "holder": holder, "at": at, "until": until}
    return connection.execute(_HOLD, hold).scalar_one_or_none()


def let_cursor_go(connection: Connection, subscriber: str, holder: str) -> None:
    """Let others hold it."""
    connection.execute(_LET_GO, {"of": subscriber, "holder": holder})


def advance_cursor(
    connection: Connection, subscriber: str, position: int, aside: Sequence[SetAside], holder: str | None
) -> None:
    """Note that *reader* is done up to *position* but for *aside*, unless it was done further already."""
    if not _may_write(connection, subscriber, holder):
        return
    _set_aside(connection, subscriber, aside)
    connection.execute(_ADVANCE, {"of": subscriber, "to": position})


def deferred_until(
    connection: Connection, subscriber: str, at: datetime, limit: int, *, in_order: bool
) -> list[DeferredEvent]:
    """Return events set aside until then or earlier, the longest overdue first."""
    due = connection.execute(
        _DUE_IN_ORDER if in_order else _DUE, {"of": subscriber, "at": at, "limit": limit}
    )
    return [DeferredEvent(to_logged_event(row[:-1]), row.tries) for row in due]


def settle_events(
    connection: Connection,
    subscriber: str,
    done: Collection[int],
    again: Sequence[SetAside],
    holder: str | None,
) -> None:
    """Forget what *reader* is done with, and set others aside for longer."""
    if not _may_write(connection, subscriber, holder):
        return
    _set_aside(connection, subscriber, again)
    if done:
        connection.execute(_SETTLE, {"of": subscriber, "settled": list(done)})


def blocked_uploads(
    connection: Connection, subscriber: str, uploads: Collection[UploadId]
) -> frozenset[UploadId]:
    """Return those of *uploads* of which *reader* has set an event aside."""
    return frozenset(connection.scalars(_BLOCKED, {"of": subscriber, "uploads": list(uploads)}))


def _may_write(connection: Connection, subscriber: str, holder: str | None) -> bool:
    # Locked: whoever takes the reader over, or removes it, waits until this is written.
    if holder is None:
        return bool(connection.execute(_KNOWN, {"of": subscriber}).one_or_none())
    return bool(connection.execute(_HELD, {"of": subscriber, "holder": holder}).one_or_none())


def _set_aside(connection: Connection, subscriber: str, aside: Sequence[SetAside]) -> None:
    if not aside:
        return
    defer = insert(deferred_facts, connection.dialect)
    connection.execute(
        defer.on_conflict_do_update(
            index_elements=[_aside.reader, _aside.position],
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


class SqlCursors:
    """How far each reader is in the feed."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def lag(self, subscriber: str, at: datetime) -> Lag:
        """Say how much *reader*, known or not, has before it. Numbered events alone count."""
        return await self._connections.read(lag_of, subscriber, at)

    async def begin(self, subscriber: str, position: int) -> None:
        """Make *reader* known, done up to *position*, unless it is known already."""
        await self._connections.write(begin_cursor, subscriber, position)

    async def hold(self, subscriber: str, holder: str, *, at: datetime, until: datetime) -> int | None:
        """Make *holder* the one process that reads for *reader* until then; return its position."""
        return await self._connections.write(hold_cursor, subscriber, holder, at=at, until=until)

    async def let_go(self, subscriber: str, holder: str) -> None:
        """Let others hold *reader* at once, if *holder* still did."""
        await self._connections.write(let_cursor_go, subscriber, holder)

    async def advance(
        self, subscriber: str, position: int, aside: Sequence[SetAside] = (), *, holder: str | None = None
    ) -> None:
        """Note that *reader* is done up to *position* but for what it sets aside, both or neither."""
        await self._connections.write(advance_cursor, subscriber, position, aside, holder)

    async def deferred(
        self, subscriber: str, at: datetime, limit: int, *, in_order: bool
    ) -> list[DeferredEvent]:
        """Return events set aside until then or earlier, the longest overdue first."""
        return await self._connections.read(deferred_until, subscriber, at, limit, in_order=in_order)

    async def settle(
        self,
        subscriber: str,
        done: Collection[int],
        again: Sequence[SetAside] = (),
        *,
        holder: str | None = None,
    ) -> None:
        """Forget the positions that *reader* is *done* with, and set others aside for longer."""
        await self._connections.write(settle_events, subscriber, done, again, holder)

    async def blocked(self, subscriber: str, uploads: Collection[UploadId]) -> frozenset[UploadId]:
        """Return those of *uploads* of which *reader* has set an event aside."""
        return await self._connections.read(blocked_uploads, subscriber, uploads)
