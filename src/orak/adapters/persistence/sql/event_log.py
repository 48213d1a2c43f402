from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import bindparam, exists, func, select, true, update
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.connections import Connections, read, write_long
from orak.adapters.persistence.sql.rows import EVENT_COLUMNS, to_logged_event
from orak.adapters.persistence.sql.statements import Statement, is_one_of
from orak.adapters.persistence.sql.tables import UNNUMBERED, events, feed
from orak.application.ports.event_log import EventPage
from orak.domain.events import EventType, LoggedEvent
from orak.domain.identity import UserId

CHANNEL = "orak_events"
"""The PostgreSQL channel that is notified when events were numbered."""

_BATCH = 1000
"""Events that get their positions in one transaction, so that it holds up other writers only briefly."""

_ANY_UNNUMBERED = Statement(select(exists().where(UNNUMBERED)))
_LOCK_LAST = select(feed.c.position).with_for_update()
_unnumbered = (
    select(events.c.id, func.row_number().over(order_by=events.c.id).label("place"))
    .where(UNNUMBERED)
    .order_by(events.c.id)
    .limit(_BATCH)
    .subquery("new")
)
_NUMBER = (
    update(events)
    .where(events.c.id == _unnumbered.c.id)
    .values(position=bindparam("last", type_=events.c.position.type) + _unnumbered.c.place)
)
_SET_LAST = update(feed)  # no .values(): SQLAlchemy makes the SET clause from the parameters
_NOTIFY = select(func.pg_notify(CHANNEL, ""))
_AFTER = (
    select(*EVENT_COLUMNS)
    .where(events.c.position > bindparam("after"))
    .order_by(events.c.position)
    .limit(bindparam("limit"))
)
_SPAN = 10_000
"""Positions that one page passes over at most, so that reading it takes milliseconds."""

# One statement, so that the last position and the events are of one moment.
_of_types = _AFTER.where(
    events.c.position <= bindparam("after", type_=events.c.position.type) + _SPAN,
    is_one_of(events.c.type, "types"),
).subquery("of_types")
_PAGE = Statement(select(feed.c.position, *_of_types.c).select_from(feed.outerjoin(_of_types, true())))
_OF_USER = (
    select(*EVENT_COLUMNS)
    .where(
        events.c.user_id == bindparam("owner"),
        events.c.position > bindparam("after"),
        events.c.position <= bindparam("up_to"),
    )
    .order_by(events.c.position)
    .limit(bindparam("limit"))
)
_LAST = select(feed.c.position)


@dataclass(frozen=True, slots=True)
class SqlEventLog:
    """The port `EventLog` on SQL.

    Writers commit an event without a position, so they never wait for each other. One transaction at a time
    then numbers what is committed. Positions given at INSERT would become visible out of order.
    """

    connections: Connections

    async def number(self) -> int:
        total = 0
        while await self._any_unnumbered():  # an idle feed locks nothing
            numbered = await self._number_batch()
            total += numbered
            if numbered < _BATCH:  # what others commit meanwhile is numbered by the next call
                break
        return total

    async def _any_unnumbered(self) -> bool:
        ((is_any,),) = await self.connections.fetch(_ANY_UNNUMBERED, {})
        return bool(is_any)

    @write_long
    def _number_batch(self, connection: Connection) -> int:
        # The lock on the row of `feed` lets one process number at a time. Events that others commit
        # meanwhile wait for the next batch.
        last = connection.execute(_LOCK_LAST).scalar_one()
        numbered = connection.execute(_NUMBER, {"last": last}).rowcount
        connection.execute(_SET_LAST, {"position": last + numbered})
        if numbered and connection.dialect.name == "postgresql":
            # Not where events are written: PostgreSQL lets one transaction that notifies commit at a time,
            # and numbering takes turns anyway.
            connection.execute(_NOTIFY)
        return numbered

    @read
    def after(self, connection: Connection, position: int, limit: int) -> list[LoggedEvent]:
        rows = connection.execute(_AFTER, {"after": position, "limit": limit})
        return [to_logged_event(row) for row in rows]

    async def page(self, position: int, limit: int, types: Collection[EventType]) -> EventPage:
        wanted = {"after": position, "limit": limit, "types": [one.value for one in types]}
        rows = await self.connections.fetch(_PAGE, wanted)
        last = rows[0][0]
        found = [to_logged_event(row[1:]) for row in rows if row[1] is not None]
        found.sort(key=lambda logged: logged.position)  # a join promises no order
        end = found[-1].position if len(found) == limit else max(position, min(last, position + _SPAN))
        return EventPage(found, end, is_last=end >= last)

    @read
    def of_user(
        self, connection: Connection, user_id: UserId, after: int, up_to: int, limit: int
    ) -> list[LoggedEvent]:
        span = {"owner": user_id, "after": after, "up_to": up_to, "limit": limit}
        return [to_logged_event(row) for row in connection.execute(_OF_USER, span)]

    @read
    def last(self, connection: Connection) -> int:
        position: int = connection.execute(_LAST).scalar_one()
        return position
