from sqlalchemy import bindparam, exists, func, select, update
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.connections import Connections
from orak.adapters.persistence.sql.rows import EVENT_COLUMNS, to_logged_event
from orak.adapters.persistence.sql.tables import UNNUMBERED, events, feed
from orak.domain.events import LoggedEvent
from orak.domain.identity import UserId

_AT_ONCE = 1000
"""How many events get their positions in one transaction: it holds up no writer for long."""

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
    select(*EVENT_COLUMNS)
    .where(events.c.position > bindparam("after"))
    .order_by(events.c.position)
    .limit(bindparam("limit"))
)
_OWN = (
    select(*EVENT_COLUMNS)
    .where(
        events.c.user_id == bindparam("owner"),
        events.c.position > bindparam("after"),
        events.c.position <= bindparam("up_to"),
    )
    .order_by(events.c.position)
    .limit(bindparam("limit"))
)
_LAST_SEEN = select(feed.c.position)


def any_new(connection: Connection) -> bool:
    """Whether an event has no position yet."""
    return bool(connection.scalar(_ANY_NEW))


def number_some(connection: Connection) -> int:
    """Give the next positions; say to how many events."""
    # Whoever holds this row numbers; what others commit meanwhile is the next round's.
    last = connection.execute(_LAST).scalar_one()
    logged = connection.execute(_NUMBER, {"last": last}).rowcount
    connection.execute(_REMEMBER, {"position": last + logged})
    return logged


def events_after(connection: Connection, position: int, limit: int) -> list[LoggedEvent]:
    """Return the events beyond *position*, in order."""
    return [to_logged_event(row) for row in connection.execute(_AFTER, {"after": position, "limit": limit})]


def own_events(
    connection: Connection, owner: UserId, after: int, up_to: int, limit: int
) -> list[LoggedEvent]:
    """Return a user's own events between two positions, in order."""
    span = {"owner": owner, "after": after, "up_to": up_to, "limit": limit}
    return [to_logged_event(row) for row in connection.execute(_OWN, span)]


def last_position(connection: Connection) -> int:
    """Return the position of the newest numbered event; 0 for an empty feed."""
    position: int = connection.execute(_LAST_SEEN).scalar_one()
    return position


class SqlEventLog:
    """The feed."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def number(self) -> int:
        """Give the next positions to the events that have none, in the order of their ids; say to how many."""
        total = 0
        while await self._connections.read(any_new):  # an idle feed disturbs no writer
            total += await self._connections.write(number_some)
        return total

    async def after(self, position: int, limit: int) -> list[LoggedEvent]:
        """Return the events beyond *position*, in order."""
        return await self._connections.read(events_after, position, limit)

    async def of_user(self, user_id: UserId, after: int, up_to: int, limit: int) -> list[LoggedEvent]:
        """Return a user's own events beyond one position and up to another, in order."""
        return await self._connections.read(own_events, user_id, after, up_to, limit)

    async def last(self) -> int:
        """Return the position of the newest numbered event; 0 for an empty feed."""
        return await self._connections.read(last_position)
