from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import RowMapping, Select, bindparam, delete, insert, select, update
from sqlalchemy.engine import Connection

from orak.adapters.persistence.sql.connections import Connections, read, write, write_long
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
_GET_LOCKED = _GET.with_for_update()
_LOCK_KNOWN = (
    select(_endpoint.id).where(_endpoint.id.in_(bindparam("of", expanding=True))).with_for_update(read=True)
)
_ADD = insert(webhook_endpoints).returning(_endpoint.id)
_SAVE = update(webhook_endpoints).where(_endpoint.id == bindparam("of"))
_REMOVE = delete(webhook_endpoints).where(_endpoint.id == bindparam("of"))
_REMOVE_DELIVERIES = delete(webhook_deliveries).where(webhook_deliveries.c.endpoint_id == bindparam("of"))
_REMOVE_CURSOR = delete(feed_cursors).where(feed_cursors.c.reader == bindparam("reader"))
_REMOVE_DEFERRED = delete(deferred_facts).where(deferred_facts.c.reader == bindparam("reader"))

_delivery = webhook_deliveries.c
_ADD_DELIVERIES = insert(webhook_deliveries)
_PAGE = (
    select(webhook_deliveries)
    .where(_delivery.endpoint_id == bindparam("of"), _delivery.id < bindparam("before"))
    .order_by(_delivery.id.desc())
    .limit(bindparam("limit"))
)
_GET_DELIVERY = select(webhook_deliveries).where(
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


def _endpoint_by_id(
    connection: Connection, query: Select[*tuple[Any, ...]], endpoint_id: EndpointId
) -> Endpoint:
    row = connection.execute(query, {"of": endpoint_id}).mappings().one_or_none()
    if row is None:
        raise EndpointNotFound(endpoint_id)
    return _to_endpoint(row)


@dataclass(frozen=True, slots=True)
class SqlEndpoints:
    """The port `Endpoints` on SQL."""

    connections: Connections

    @read
    def all(self, connection: Connection) -> list[Endpoint]:
        return [_to_endpoint(row) for row in connection.execute(_ALL).mappings()]

    @read
    def get(self, connection: Connection, endpoint_id: EndpointId) -> Endpoint:
        return _endpoint_by_id(connection, _GET, endpoint_id)

    @write
    def add(self, connection: Connection, endpoint: Endpoint, begin: int) -> Endpoint:
        made = connection.execute(_ADD, _endpoint_values(endpoint)).scalar_one()
        added = msgspec.structs.replace(endpoint, id=EndpointId(made))
        begin_cursor(connection, added.subscriber, begin)
        return added

    @write
    def change(
        self, connection: Connection, endpoint_id: EndpointId, change: Callable[[Endpoint], Endpoint]
    ) -> Endpoint:
        changed = change(_endpoint_by_id(connection, _GET_LOCKED, endpoint_id))
        connection.execute(_SAVE.values(_endpoint_values(changed)), {"of": endpoint_id})
        return changed

    @write_long
    def remove(self, connection: Connection, endpoint_id: EndpointId) -> None:
        endpoint = _endpoint_by_id(connection, _GET, endpoint_id)
        connection.execute(_REMOVE, {"of": endpoint_id})
        connection.execute(_REMOVE_DELIVERIES, {"of": endpoint_id})
        connection.execute(_REMOVE_CURSOR, {"reader": endpoint.subscriber})
        connection.execute(_REMOVE_DEFERRED, {"reader": endpoint.subscriber})


@dataclass(frozen=True, slots=True)
class SqlDeliveries:
    """The port `Deliveries` on SQL."""

    connections: Connections

    @write
    def note(self, connection: Connection, deliveries: Sequence[Delivery]) -> None:
        # The lock makes a removal of an endpoint wait, so that it removes these new rows as well.
        endpoints = {delivery.endpoint_id for delivery in deliveries}
        known = {CONFIGURED, *connection.scalars(_LOCK_KNOWN, {"of": list(endpoints)})}
        rows = [msgspec.structs.asdict(delivery) for delivery in deliveries if delivery.endpoint_id in known]
        for row in rows:
            del row["id"]
        if rows:
            connection.execute(_ADD_DELIVERIES, rows)

    @read
    def page(
        self, connection: Connection, endpoint_id: EndpointId, before: DeliveryId | None, limit: int
    ) -> list[Delivery]:
        bounds = {"of": endpoint_id, "before": MAX_ID if before is None else before, "limit": limit}
        return [_to_delivery(row) for row in connection.execute(_PAGE, bounds).mappings()]

    @read
    def get(self, connection: Connection, endpoint_id: EndpointId, delivery_id: DeliveryId) -> Delivery:
        wanted = {"of": endpoint_id, "id": delivery_id}
        row = connection.execute(_GET_DELIVERY, wanted).mappings().one_or_none()
        if row is None:
            raise DeliveryNotFound(delivery_id)
        return _to_delivery(row)

    @write_long
    def forget(self, connection: Connection, before: datetime) -> None:
        connection.execute(_FORGET, {"before": before})
