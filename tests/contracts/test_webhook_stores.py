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


def an_attempt(endpoint_id=1, *, at=START, **changes):
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


async def test_what_is_not_there(endpoints, deliveries):
    for call in (
        endpoints.get(EndpointId(9)),
        endpoints.change(EndpointId(9), lambda endpoint: endpoint),
        endpoints.remove(EndpointId(9)),
    ):
        with pytest.raises(EndpointNotFound):
            await call
    with pytest.raises(DeliveryNotFound):
        await deliveries.get(EndpointId(9), 1)


async def test_what_is_removed_leaves_nothing_and_its_id_is_not_used_again(
    persistence, endpoints, deliveries
):
    await persistence.intake.add(an_upload())
    await persistence.event_log.number()
    made, kept = await endpoints.add(NEW, 0), await endpoints.add(NEW, 0)
    for endpoint in (made, kept):
        await deliveries.note([an_attempt(endpoint.id)])
        await persistence.cursors.advance(endpoint.subscriber, 1, [SetAside(1, 1, START)])
    await endpoints.remove(made.id)
    await deliveries.note([an_attempt(made.id), an_attempt(kept.id)])  # of those that were on their way
    await persistence.cursors.advance(made.subscriber, 1, [SetAside(1, 1, START)])
    assert await endpoints.all() == [kept]
    assert await deliveries.page(made.id, None, 9) == []
    assert (await persistence.cursors.lag(made.subscriber, START)).deferred == 0
    assert (await persistence.cursors.lag(kept.subscriber, START)).deferred == 1
    assert len(await deliveries.page(kept.id, None, 9)) == 2
    assert await hold(persistence, made) is None
    assert await hold(persistence, kept) == 1
    await endpoints.remove(kept.id)
    assert (await endpoints.add(NEW, 0)).id > kept.id


@pytest.mark.usefixtures("one_and_two")
async def test_a_log_is_read_backwards_in_pages(deliveries):
    await deliveries.note([an_attempt(at=START + n * SECOND, said=str(n)) for n in range(3)])
    await deliveries.note([an_attempt(2)])
    [last, middle] = await deliveries.page(EndpointId(1), None, 2)
    assert [last.said, middle.said] == ["2", "1"]
    [first] = await deliveries.page(EndpointId(1), middle.id, 2)
    assert first == replace(an_attempt(said="0"), id=first.id)
    assert await deliveries.get(EndpointId(1), first.id) == first
    with pytest.raises(DeliveryNotFound):
        await deliveries.get(EndpointId(2), first.id)


@pytest.mark.usefixtures("one_and_two")
async def test_what_is_old_is_forgotten(deliveries):
    await deliveries.note([an_attempt(), an_attempt(at=START + SECOND, status_code=500)])
    await deliveries.forget(START + SECOND)
    assert [one.status_code for one in await deliveries.page(EndpointId(1), None, 9)] == [500]
