from datetime import timedelta

import pytest
from msgspec.structs import replace

from builders import START, an_upload
from orak.application.ports.cursors import SetAside
from orak.domain.events import EventType
from orak.domain.webhooks import (
    CONFIGURED,
    Delivery,
    DeliveryNotFound,
    Endpoint,
    EndpointId,
    EndpointNotFound,
    Outcome,
)

NEW = Endpoint(CONFIGURED, "https://one.example", "whsec_a", START)
SECOND = timedelta(seconds=1)


def a_delivery(endpoint_id=1, *, at=START, **changes):
    return replace(
        Delivery(
            endpoint_id=EndpointId(endpoint_id),
            position=3,
            event_id=4,
            upload_id=5,
            type=EventType.UPLOAD_RECEIVED,
            at=at,
            outcome=Outcome.FAILED,
            status_code=None,
            said="없음",
            milliseconds=12,
        ),
        **changes,
    )


def hold(persistence, endpoint):
    return persistence.cursors.hold(endpoint.subscriber, "this one", at=START, until=START + SECOND)


@pytest.fixture
def endpoints(persistence):
    return persistence.endpoints


@pytest.fixture
def deliveries(persistence):
    return persistence.deliveries


@pytest.fixture
async def one_and_two(endpoints):
    for _ in range(2):
        await endpoints.add(NEW, 0)


async def test_an_endpoint_comes_back_as_it_was_stored(endpoints):
    first = await endpoints.add(NEW, 0)
    second = await endpoints.add(
        replace(
            NEW,
            event_types=frozenset({EventType.RECORD_CREATED, EventType.RECORD_DELETED}),
            previous_secret="whsec_b",
            rotated_at=START,
            enabled=False,
            disabled_reason="so",
        ),
        0,
    )
    assert 0 < first.id < second.id
    assert await endpoints.all() == [first, second]
    assert await endpoints.get(second.id) == second


async def test_an_endpoint_is_changed_in_place(endpoints):
    made = await endpoints.add(NEW, 0)
    changed = replace(made, url="https://two.example", enabled=False)
    assert await endpoints.change(made.id, lambda _: changed) == changed
    assert await endpoints.all() == [changed]


async def test_missing_endpoints_and_deliveries_are_not_found(endpoints, deliveries):
    for call in (
        endpoints.get(EndpointId(9)),
        endpoints.change(EndpointId(9), lambda endpoint: endpoint),
        endpoints.remove(EndpointId(9)),
    ):
        with pytest.raises(EndpointNotFound):
            await call
    with pytest.raises(DeliveryNotFound):
        await deliveries.get(EndpointId(9), 1)


async def test_a_removed_endpoint_leaves_no_rows_and_its_id_is_not_reused(persistence, endpoints, deliveries):
    await persistence.intake.add(an_upload())
    await persistence.event_log.number()
    made, kept = await endpoints.add(NEW, 0), await endpoints.add(NEW, 0)
    for endpoint in (made, kept):
        await deliveries.note([a_delivery(endpoint.id)])
        await persistence.cursors.advance(endpoint.subscriber, 1, [SetAside(1, 1, START)])
    await endpoints.remove(made.id)
    await deliveries.note([a_delivery(made.id), a_delivery(kept.id)])  # deliveries that were in flight
    await persistence.cursors.advance(made.subscriber, 1, [SetAside(1, 1, START)])
    assert await endpoints.all() == [kept]
    assert await deliveries.page(made.id, None, 9) == []
    lags = await persistence.cursors.lags([made.subscriber, kept.subscriber], START)
    assert [lag.deferred for lag in lags] == [0, 1]
    assert len(await deliveries.page(kept.id, None, 9)) == 2
    assert await hold(persistence, made) is None
    assert await hold(persistence, kept) == 1
    await endpoints.remove(kept.id)
    assert (await endpoints.add(NEW, 0)).id > kept.id


@pytest.mark.usefixtures("one_and_two")
async def test_a_delivery_log_is_paged_newest_first(deliveries):
    await deliveries.note([a_delivery(at=START + n * SECOND, said=str(n)) for n in range(3)])
    await deliveries.note([a_delivery(2)])
    [last, middle] = await deliveries.page(EndpointId(1), None, 2)
    assert [last.said, middle.said] == ["2", "1"]
    [first] = await deliveries.page(EndpointId(1), middle.id, 2)
    assert first == replace(a_delivery(said="0"), id=first.id)
    assert await deliveries.get(EndpointId(1), first.id) == first
    with pytest.raises(DeliveryNotFound):
        await deliveries.get(EndpointId(2), first.id)


@pytest.mark.usefixtures("one_and_two")
async def test_old_deliveries_are_removed(deliveries):
    await deliveries.note([a_delivery(), a_delivery(at=START + SECOND, status_code=500)])
    await deliveries.forget(START + SECOND)
    assert [one.status_code for one in await deliveries.page(EndpointId(1), None, 9)] == [500]
