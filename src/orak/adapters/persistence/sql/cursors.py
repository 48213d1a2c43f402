from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import and_, bindparam, delete, exists, func, or_, select, update
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.connections import Connections
from orak.adapters.persistence.sql.dialect import UtcDateTime, insert
from orak.adapters.persistence.sql.rows import FACT_COLUMNS, to_fact
from orak.adapters.persistence.sql.tables import deferred_facts, events, feed, feed_cursors
from orak.application.ports.cursors import DeferredFact, Lag, SetAside
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
    select(*FACT_COLUMNS, _aside.tries)
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


def lag_of(connection: Connection, reader: str, at: datetime) -> Lag:
    """Say how much *reader* has before it."""
    row = connection.execute(_LAG, {"of": reader, "at": at}).one()
    oldest = min((time for time in (row.next_at, row.aside_at) if time is not None), default=None)
    return Lag(reader, row.behind, row.deferred, row.overdue, oldest)


def begin_cursor(connection: Connection, reader: str, position: int) -> None:
    """Make *reader* known, unless it is."""
    begin = insert(feed_cursors, connection.dialect).on_conflict_do_nothing()
    connection.execute(begin, {"reader": reader, "position": position})


def hold_cursor(
    connection: Connection, reader: str, holder: str, *, at: datetime, until: datetime
) -> int | None:
    """Let *holder* read for *reader*; return its position, or None while another holds it."""
    hold = {"of": reader, "holder": holder, "at": at, "until": until}
    return connection.execute(_HOLD, hold).scalar_one_or_none()


def let_cursor_go(connection: Connection, reader: str, holder: str) -> None:
    """Let others hold it."""
    connection.execute(_LET_GO, {"of": reader, "holder": holder})


def advance_cursor(
    connection: Connection, reader: str, position: int, aside: Sequence[SetAside], holder: str | None
) -> None:
    """Note that *reader* is done up to *position* but for *aside*, unless it was done further already."""
    if not _may_write(connection, reader, holder):
        return
    _set_aside(connection, reader, aside)
    connection.execute(_ADVANCE, {"of": reader, "to": position})


def deferred_until(
    connection: Connection, reader: str, at: datetime, limit: int, *, in_order: bool
) -> list[DeferredFact]:
    """Return facts set aside until then or earlier, the longest overdue first."""
    due = connection.execute(_DUE_IN_ORDER if in_order else _DUE, {"of": reader, "at": at, "limit": limit})
    return [DeferredFact(to_fact(row[:-1]), row.tries) for row in due]


def settle_facts(
    connection: Connection,
    reader: str,
    done: Collection[int],
    again: Sequence[SetAside],
    holder: str | None,
) -> None:
    """Forget what *reader* is done with, and set others aside for longer."""
    if not _may_write(connection, reader, holder):
        return
    _set_aside(connection, reader, again)
    if done:
        connection.execute(_SETTLE, {"of": reader, "settled": list(done)})


def blocked_uploads(
    connection: Connection, reader: str, uploads: Collection[UploadId]
) -> frozenset[UploadId]:
    """Return those of *uploads* of which *reader* has set a fact aside."""
    return frozenset(connection.scalars(_BLOCKED, {"of": reader, "uploads": list(uploads)}))


def _may_write(connection: Connection, reader: str, holder: str | None) -> bool:
    # Locked: whoever takes the reader over, or removes it, waits until this is written.
    if holder is None:
        return bool(connection.execute(_KNOWN, {"of": reader}).one_or_none())
    return bool(connection.execute(_HELD, {"of": reader, "holder": holder}).one_or_none())


def _set_aside(connection: Connection, reader: str, aside: Sequence[SetAside]) -> None:
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
                "reader": reader,
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

    async def lag(self, reader: str, at: datetime) -> Lag:
        """Say how much *reader*, known or not, has before it. Numbered facts alone count."""
        return await self._connections.read(lag_of, reader, at)

    async def begin(self, reader: str, position: int) -> None:
        """Make *reader* known, done up to *position*, unless it is known already."""
        await self._connections.write(begin_cursor, reader, position)

    async def hold(self, reader: str, holder: str, *, at: datetime, until: datetime) -> int | None:
        """Make *holder* the one process that reads for *reader* until then; return its position."""
        return await self._connections.write(hold_cursor, reader, holder, at=at, until=until)

    async def let_go(self, reader: str, holder: str) -> None:
        """Let others hold *reader* at once, if *holder* still did."""
        await self._connections.write(let_cursor_go, reader, holder)

    async def advance(
        self, reader: str, position: int, aside: Sequence[SetAside] = (), *, holder: str | None = None
    ) -> None:
        """Note that *reader* is done up to *position* but for what it sets aside, both or neither."""
        await self._connections.write(advance_cursor, reader, position, aside, holder)

    async def deferred(self, reader: str, at: datetime, limit: int, *, in_order: bool) -> list[DeferredFact]:
        """Return facts set aside until then or earlier, the longest overdue first."""
        return await self._connections.read(deferred_until, reader, at, limit, in_order=in_order)

    async def settle(
        self,
        reader: str,
        done: Collection[int],
        again: Sequence[SetAside] = (),
        *,
        holder: str | None = None,
    ) -> None:
        """Forget the positions that *reader* is *done* with, and set others aside for longer."""
        await self._connections.write(settle_facts, reader, done, again, holder)

    async def blocked(self, reader: str, uploads: Collection[UploadId]) -> frozenset[UploadId]:
        """Return those of *uploads* of which *reader* has set a fact aside."""
        return await self._connections.read(blocked_uploads, reader, uploads)
