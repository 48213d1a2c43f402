from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import RowMapping, bindparam, delete, insert, select, update
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.connections import Connections
from orak.adapters.persistence.sql.cursors import begin_cursor
from orak.adapters.persistence.sql.dialect import UtcDateTime
from orak.adapters.persistence.sql.tables import (
    deferred_facts,
    feed_cursors,
    webhook_deliveries,
    webhook_endpoints,
)
from orak.domain.events import EventType
from orak.domain.identity import MAX_ID
from orak.domain.webhooks import (
    CONFIGURED,
    Delivery,
    DeliveryId,
    DeliveryNotFound,
    Endpoint,
    EndpointId,
    EndpointNotFound,
    Outcome,
)

_endpoint = webhook_endpoints.c
_ALL = select(webhook_endpoints).order_by(_endpoint.id)
_GET = select(webhook_endpoints).where(_endpoint.id == bindparam("of"))
_LOCK = _GET.with_for_update()
_KNOWN = (
    select(_endpoint.id).where(_endpoint.id.in_(bindparam("of", expanding=True))).with_for_update(read=True)
)
_ADD = insert(webhook_endpoints).returning(_endpoint.id)
_SAVE = update(webhook_endpoints).where(_endpoint.id == bindparam("of"))
_REMOVE = delete(webhook_endpoints).where(_endpoint.id == bindparam("of"))
_REMOVE_LOG = delete(webhook_deliveries).where(webhook_deliveries.c.endpoint_id == bindparam("of"))
_REMOVE_CURSOR = delete(feed_cursors).where(feed_cursors.c.reader == bindparam("reader"))
_REMOVE_ASIDE = delete(deferred_facts).where(deferred_facts.c.reader == bindparam("reader"))

_delivery = webhook_deliveries.c
_NOTE = insert(webhook_deliveries)
_PAGE = (
    select(webhook_deliveries)
    .where(_delivery.endpoint_id == bindparam("of"), _delivery.id < bindparam("before"))
    .order_by(_delivery.id.desc())
    .limit(bindparam("limit"))
)
_ONE = select(webhook_deliveries).where(
    _delivery.endpoint_id == bindparam("of"), _delivery.id == bindparam("id")
)
_FORGET = delete(webhook_deliveries).where(_delivery.at < bindparam("before", type_=UtcDateTime))

_types = msgspec.json.Decoder(list[EventType])


def _to_endpoint(row: RowMapping) -> Endpoint:
    fields = dict[str, Any](row)
    types = fields.pop("event_types")
    return Endpoint(event_types=None if types is None else frozenset(_types.decode(types)), **fields)


def _endpoint_values(endpoint: Endpoint) -> dict[str, object]:
    values = msgspec.structs.asdict(endpoint)
    del values["id"]
    wanted = endpoint.event_types
    values["event_types"] = None if wanted is None else msgspec.json.encode(sorted(wanted)).decode()
    return values


def _to_delivery(row: RowMapping) -> Delivery:
    fields = dict[str, Any](row)
    return Delivery(**fields | {"type": EventType(fields["type"]), "outcome": Outcome(fields["outcome"])})


def all_endpoints(connection: Connection) -> list[Endpoint]:
    """Return them, the oldest first."""
    return [_to_endpoint(row) for row in connection.execute(_ALL).mappings()]


def get_endpoint(connection: Connection, endpoint_id: EndpointId) -> Endpoint:
    """Raise `EndpointNotFound`."""
    row = connection.execute(_GET, {"of": endpoint_id}).mappings().one_or_none()
    if row is None:
        raise EndpointNotFound(endpoint_id)
    return _to_endpoint(row)


def add_endpoint(connection: Connection, endpoint: Endpoint, begin: int) -> Endpoint:
    """Store a new one, and its place in the feed."""
    made = connection.execute(_ADD, _endpoint_values(endpoint)).scalar_one()
    added = msgspec.structs.replace(endpoint, id=EndpointId(made))
    begin_cursor(connection, added.subscriber, begin)
    return added


def change_endpoint(
    connection: Connection, endpoint_id: EndpointId, change: Callable[[Endpoint], Endpoint]
) -> Endpoint:
    """Store what *change* makes of it as it is now."""
    row = connection.execute(_LOCK, {"of": endpoint_id}).mappings().one_or_none()
    if row is None:
        raise EndpointNotFound(endpoint_id)
    changed = change(_to_endpoint(row))
    connection.execute(_SAVE.values(_endpoint_values(changed)), {"of": endpoint_id})
    return changed


def remove_endpoint(connection: Connection, endpoint_id: EndpointId) -> None:
    """Remove it with all that is known of it."""
    endpoint = get_endpoint(connection, endpoint_id)
    connection.execute(_REMOVE, {"of": endpoint_id})
    connection.execute(_REMOVE_LOG, {"of": endpoint_id})
    connection.execute(_REMOVE_CURSOR, {"reader": endpoint.subscriber})
    connection.execute(_REMOVE_ASIDE, {"reader": endpoint.subscriber})


def note_deliveries(connection: Connection, deliveries: Sequence[Delivery]) -> None:
    """Add attempts to the logs."""
    # Locked: who removes one meanwhile waits, and removes its new lines as well.
    told = {delivery.endpoint_id for delivery in deliveries}
    known = {CONFIGURED, *connection.scalars(_KNOWN, {"of": list(told)})}
    rows = [msgspec.structs.asdict(delivery) for delivery in deliveries if delivery.endpoint_id in known]
    for row in rows:
        del row["id"]
    if rows:
        connection.execute(_NOTE, rows)


def deliveries_page(
    connection: Connection, endpoint_id: EndpointId, before: DeliveryId | None, limit: int
) -> list[Delivery]:
    """Return an endpoint's attempts, the newest first."""
    bounds = {"of": endpoint_id, "before": MAX_ID if before is None else before, "limit": limit}
    return [_to_delivery(row) for row in connection.execute(_PAGE, bounds).mappings()]


def get_delivery(connection: Connection, endpoint_id: EndpointId, delivery_id: DeliveryId) -> Delivery:
    """Raise `DeliveryNotFound`."""
    row = connection.execute(_ONE, {"of": endpoint_id, "id": delivery_id}).mappings().one_or_none()
    if row is None:
        raise DeliveryNotFound(delivery_id)
    return _to_delivery(row)


def forget_deliveries(connection: Connection, before: datetime) -> None:
    """Remove what is older."""
    connection.execute(_FORGET, {"before": before})


class SqlEndpoints:
    """The webhooks that operators made."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def all(self) -> list[Endpoint]:
        """Return them, the oldest first."""
        return await self._connections.read(all_endpoints)

    async def get(self, endpoint_id: EndpointId) -> Endpoint:
        """Raise `EndpointNotFound`."""
        return await self._connections.read(get_endpoint, endpoint_id)

    async def add(self, endpoint: Endpoint, begin: int) -> Endpoint:
        """Store a new one with its place in the feed, behind *begin*; return it with its id."""
        return await self._connections.write(add_endpoint, endpoint, begin)

    async def change(self, endpoint_id: EndpointId, change: Callable[[Endpoint], Endpoint]) -> Endpoint:
        """Store what *change* makes of it as it is now, and return that. Raise `EndpointNotFound`."""
        return await self._connections.write(change_endpoint, endpoint_id, change)

    async def remove(self, endpoint_id: EndpointId) -> None:
        """Remove it with its log and its place in the feed. Raise `EndpointNotFound`."""
        await self._connections.write(remove_endpoint, endpoint_id)


class SqlDeliveries:
    """The logs of webhooks."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def note(self, deliveries: Sequence[Delivery]) -> None:
        """Add attempts to the logs."""
        await self._connections.write(note_deliveries, deliveries)

    async def page(self, endpoint_id: EndpointId, before: DeliveryId | None, limit: int) -> list[Delivery]:
        """Return an endpoint's attempts, the newest first, *before* one of them."""
        return await self._connections.read(deliveries_page, endpoint_id, before, limit)

    async def get(self, endpoint_id: EndpointId, delivery_id: DeliveryId) -> Delivery:
        """Raise `DeliveryNotFound`."""
        return await self._connections.read(get_delivery, endpoint_id, delivery_id)

    async def forget(self, before: datetime) -> None:
        """Remove what is older."""
        await self._connections.write(forget_deliveries, before)
