"""Webhooks deliver every event, in order, whatever happens to their receivers meanwhile."""

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from memory_orak import OWNER, a_memory_orak
from orak.adapters.clock.frozen import FrozenClock
from orak.application.webhooks.change_webhook import EndpointChange
from orak.client import InvalidWebhook, verify_webhook
from orak.domain.actor import Actor
from orak.domain.errors import AdminRequired, Rejected
from orak.domain.identity import UserId
from orak.domain.webhooks import EndpointNotFound, Outcome

OPERATOR = Actor(UserId(9), frozenset({"admin"}))
URL, OTHER = "https://one.example/orak", "https://two.example/orak"
MINUTE = timedelta(minutes=1)
MAX_CONCURRENT = 8
"""Requests to one receiver at a time, so that many may follow the fifth before it is stopped."""


@pytest.fixture
async def service():
    async with a_memory_orak() as service:
        yield service


@pytest.fixture
async def endpoint(service):
    return await service.use_cases.add_webhook(OPERATOR, URL)


async def deliver(service) -> int:
    await service.use_cases.deliver_webhooks()
    return await service.use_cases.deliver_webhooks.settled()


async def pass_time(service, minutes):
    for _ in range(minutes * 2):
        await deliver(service)
        service.clock.advance(MINUTE / 2)
    await deliver(service)


def posted_to(service, url=URL):
    return [json.loads(body) for posted, _, body in service.poster.posts if posted == url]


async def log_of(service, endpoint):
    page = await service.use_cases.list_webhook_deliveries(OPERATOR, endpoint.id, None, 200)
    return [(delivery.outcome, delivery.status_code) for delivery in page.deliveries]


async def test_new_events_are_posted_and_signed(service, endpoint):
    upload = await service.request()
    await deliver(service)
    [(_, headers, body)] = service.poster.posts
    assert headers["Content-Type"] == "application/json"
    assert headers["User-Agent"] == "orak/test"
    now = service.clock.now().timestamp()
    event = verify_webhook(body, headers["Orak-Signature"], endpoint.secret, now=now)
    assert (event.type, event.upload_id, event.version) == ("UploadRequested", upload.id, 1)
    assert headers["Orak-Event-Id"] == headers["webhook-id"] == str(event.id)
    assert verify_webhook(body, headers, endpoint.secret, now=now) == event
    assert (
        body
        == (
            f'{{"id":1,"type":"UploadRequested","at":"{upload.created_at:%Y-%m-%dT%H:%M:%SZ}","position":1,'
            f'"uploadId":1,"version":1,"userId":1,"status":"PENDING","attempt":0,"key":"recordings/{upload.uuid}"}}'
        ).encode()
    )


async def test_events_before_the_webhook_was_added_are_not_posted(service):
    await service.request()
    await service.use_cases.add_webhook(OPERATOR, URL)
    await service.request()
    await deliver(service)
    assert [event["uploadId"] for event in posted_to(service)] == [2]


async def test_a_receiver_that_was_down_for_ten_minutes_gets_every_event_in_order(service, endpoint):
    service.poster.answers[URL] = None
    for _ in range(30):
        await service.create(await service.upload())
    await pass_time(service, 10)
    tried = len(service.poster.posts)
    # Thirty uploads in 21 rounds would be 630 requests without any rest.
    assert tried < 150, "a receiver that is down is asked too often"
    service.poster.answers[URL] = 204
    await pass_time(service, 10)
    delivered = posted_to(service)[tried:]
    assert len(delivered) == 90
    by_upload = {}
    for event in delivered:
        by_upload.setdefault(event["uploadId"], []).append(event["version"])
    assert list(by_upload.values()) == [[1, 2, 3]] * 30
    for _, headers, body in service.poster.posts[tried:]:
        stamp = int(headers["Orak-Signature"].split(",")[0].removeprefix("t="))
        verify_webhook(body, headers["Orak-Signature"], endpoint.secret, now=stamp)


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("120", 120),
        ("Mon, 01 Jan 2024 12:02:00 GMT", 120),
        ("1", 4),
        ("0", 4),
        ("86400", 3600),
        ("Tue, 02 Jan 2024 12:00:00 GMT", 3600),
        ("Mon, 01 Jan 2024 11:00:00 GMT", 4),
        ("soon", 4),
        ("-5", 4),
    ],
)
async def test_a_receiver_is_left_alone_for_as_long_as_it_asks(retry_after, seconds):
    clock = FrozenClock(datetime(2024, 1, 1, 12, tzinfo=UTC))
    async with a_memory_orak(clock) as service:
        await service.use_cases.add_webhook(OPERATOR, URL)
        service.poster.answers[URL] = 503
        service.poster.retry_after = retry_after
        upload = await service.request()
        await deliver(service)
        await service.request()  # another upload, which its own failure does not hold back
        service.poster.answers[URL] = 204
        clock.advance(timedelta(seconds=seconds - 1))
        await deliver(service)
        early = len(service.poster.posts)
        clock.advance(timedelta(seconds=1))
        await deliver(service)
        assert (early, len(service.poster.posts)) == ((1, 3) if seconds > 4 else (2, 3))
        assert [body["uploadId"] for body in posted_to(service)].count(upload.id) == 2


async def test_a_receiver_that_is_down_delays_no_other(service, endpoint):
    await service.use_cases.add_webhook(OPERATOR, OTHER)
    service.poster.answers[URL] = 500
    await service.upload()
    await deliver(service)
    assert [event["version"] for event in posted_to(service, OTHER)] == [1, 2]
    assert [event["version"] for event in posted_to(service)] == [1], (
        "the second event did not wait for the first"
    )
    assert await log_of(service, endpoint) == [(Outcome.FAILED, 500)]


async def test_an_event_refused_for_a_day_is_abandoned_and_delays_no_other(service, endpoint):
    poisoned = await service.request()
    post = service.poster.post

    async def refuse(endpoint, logged, *, at):
        service.poster.answers[endpoint.url] = 500 if logged.upload_id == poisoned.id else 204
        return await post(endpoint, logged, at=at)

    service.poster.post = refuse
    await deliver(service)
    await service.request()
    await pass_time(service, 1)
    assert [event["uploadId"] for event in posted_to(service)].count(2) == 1
    service.clock.advance(timedelta(hours=24))
    await pass_time(service, 6)
    times = len(posted_to(service))
    assert (await log_of(service, endpoint))[0] == (Outcome.GIVEN_UP, 500)
    await pass_time(service, 30)
    assert len(posted_to(service)) == times


@pytest.mark.usefixtures("endpoint")
async def test_a_webhook_whose_receiver_answers_410_gone_is_disabled(service):
    service.poster.answers[URL] = 410
    await service.request()
    await deliver(service)
    await service.request()
    await pass_time(service, 10)
    assert len(service.poster.posts) == 1
    [shown] = await service.use_cases.list_webhooks(OPERATOR)
    assert (shown.enabled, shown.disabled_reason) == (False, "the receiver answered 410 Gone")


async def test_only_the_chosen_event_types_are_posted(service, endpoint):
    await service.use_cases.change_webhook(
        OPERATOR, endpoint.id, EndpointChange(event_types=["UploadReceived"])
    )
    await service.upload()
    await deliver(service)
    assert [event["type"] for event in posted_to(service)] == ["UploadReceived"]


async def test_events_from_while_a_webhook_was_disabled_are_posted_only_by_a_replay(service, endpoint):
    await service.request()
    await deliver(service)
    await service.use_cases.change_webhook(OPERATOR, endpoint.id, EndpointChange(enabled=False))
    await service.request()
    await deliver(service)
    await service.use_cases.relay_events()
    await service.use_cases.change_webhook(OPERATOR, endpoint.id, EndpointChange(enabled=True))
    await service.request()
    await deliver(service)
    assert [event["uploadId"] for event in posted_to(service)] == [1, 3]
    assert await service.use_cases.replay_webhook_events(OPERATOR, endpoint.id, 1) == 2
    await deliver(service)
    assert [event["uploadId"] for event in posted_to(service)] == [1, 3, 2, 3]


async def test_a_replayed_delivery_keeps_its_event_id(service, endpoint):
    await service.request()
    await deliver(service)
    page = await service.use_cases.list_webhook_deliveries(OPERATOR, endpoint.id, None, 1)
    await service.use_cases.replay_webhook_delivery(OPERATOR, endpoint.id, page.deliveries[0].id)
    await deliver(service)
    first, again = posted_to(service)
    assert first == again


async def test_two_secrets_sign_after_a_rotation(service, endpoint):
    rotated = await service.use_cases.rotate_webhook_secret(OPERATOR, endpoint.id)
    assert rotated.secret != endpoint.secret

    async def signs():
        await service.request()
        await deliver(service)
        _, headers, body = service.poster.posts[-1]
        now, good = service.clock.now().timestamp(), []
        for secret in (endpoint.secret, rotated.secret):
            try:
                verify_webhook(body, headers["Orak-Signature"], secret, now=now)
            except InvalidWebhook:
                good.append(False)
            else:
                good.append(True)
        return good

    assert await signs() == [True, True]
    service.clock.advance(timedelta(hours=24))
    assert await signs() == [False, True]


async def test_a_removed_webhook_gets_no_events_and_leaves_no_rows(service, endpoint):
    service.poster.answers[URL] = 500
    await service.request()
    await deliver(service)
    await service.use_cases.remove_webhook(OPERATOR, endpoint.id)
    await pass_time(service, 10)
    assert len(service.poster.posts) == 1
    with pytest.raises(EndpointNotFound):
        await service.use_cases.list_webhook_deliveries(OPERATOR, endpoint.id, None, 1)
    [lag] = await service.persistence.cursors.lags([endpoint.subscriber], service.clock.now())
    assert lag.deferred == 0


async def test_a_delivery_log_is_paged_and_kept_for_a_month(service, endpoint):
    for _ in range(5):
        await service.request()
    await deliver(service)
    seen, before = [], None
    for size in (2, 2, 1):
        page = await service.use_cases.list_webhook_deliveries(OPERATOR, endpoint.id, before, 2)
        assert len(page.deliveries) == size
        seen += [delivery.id for delivery in page.deliveries]
        before = page.next
    assert before is None
    assert all(later > earlier for later, earlier in pairwise(seen))
    service.clock.advance(timedelta(days=31))
    await deliver(service)
    assert await log_of(service, endpoint) == []


async def test_private_addresses_and_unknown_types_are_refused_together(service, endpoint):
    with pytest.raises(Rejected) as refused:
        await service.use_cases.add_webhook(OPERATOR, "http://private.example", ["Nonsense"])
    assert [(problem.field, problem.code) for problem in refused.value.problems] == [
        ("url", "NOT_PUBLIC"),
        ("event_types", "INVALID"),
    ]
    with pytest.raises(Rejected):
        await service.use_cases.change_webhook(
            OPERATOR, endpoint.id, EndpointChange(url="http://private.example")
        )


async def test_only_operators_manage_webhooks(service, endpoint):
    u = service.use_cases
    for call in (
        u.list_webhooks(OWNER),
        u.get_webhook(OWNER, endpoint.id),
        u.add_webhook(OWNER, URL),
        u.change_webhook(OWNER, endpoint.id, EndpointChange()),
        u.rotate_webhook_secret(OWNER, endpoint.id),
        u.remove_webhook(OWNER, endpoint.id),
        u.list_webhook_deliveries(OWNER, endpoint.id, None, 1),
        u.replay_webhook_delivery(OWNER, endpoint.id, 1),
        u.replay_webhook_events(OWNER, endpoint.id, 0),
    ):
        with pytest.raises(AdminRequired):
            await call


async def test_a_secret_rotated_during_another_change_is_kept(service, endpoint):
    async def check(_url):
        await service.use_cases.rotate_webhook_secret(OPERATOR, endpoint.id)

    service.poster.check = check
    changed = await service.use_cases.change_webhook(OPERATOR, endpoint.id, EndpointChange(url=OTHER))
    assert changed.url == OTHER
    assert (changed.secret != endpoint.secret, changed.previous_secret) == (True, endpoint.secret)


def once_after(service, posts, act):
    """Call *act* in the middle of a page, as an operator might in another process."""
    post, acts = service.poster.post, [act]

    async def acting(endpoint, logged, *, at):
        answer = await post(endpoint, logged, at=at)
        if len(service.poster.posts) >= posts and acts:
            await acts.pop()()
        return answer

    service.poster.post = acting


async def test_a_webhook_removed_during_a_page_gets_no_more_events_and_leaves_no_rows(service, endpoint):
    for _ in range(300):
        await service.request()
    once_after(service, 5, lambda: service.use_cases.remove_webhook(OPERATOR, endpoint.id))
    await deliver(service)
    await pass_time(service, 1)
    assert len(service.poster.posts) < 5 + MAX_CONCURRENT
    now = service.clock.now()
    assert await service.persistence.cursors.hold(endpoint.subscriber, "a", at=now, until=now) is None
    assert await service.persistence.deliveries.page(endpoint.id, None, 9) == []


async def test_a_webhook_disabled_during_a_page_gets_the_rest_when_enabled_again(service, endpoint):
    for _ in range(60):
        await service.request()
    off, on = EndpointChange(enabled=False), EndpointChange(enabled=True)
    once_after(service, 5, lambda: service.use_cases.change_webhook(OPERATOR, endpoint.id, off))
    await deliver(service)
    await pass_time(service, 1)
    assert len(service.poster.posts) < 5 + MAX_CONCURRENT
    await service.use_cases.change_webhook(OPERATOR, endpoint.id, on)
    await pass_time(service, 10)
    assert sorted(event["uploadId"] for event in posted_to(service)) == list(range(1, 61))


async def test_a_changed_url_is_used_from_the_next_post_on(service, endpoint):
    for _ in range(60):
        await service.request()
    moved = EndpointChange(url=OTHER)
    once_after(service, 5, lambda: service.use_cases.change_webhook(OPERATOR, endpoint.id, moved))
    await deliver(service)
    assert len(posted_to(service)) < 5 + MAX_CONCURRENT
    assert len(posted_to(service, OTHER)) == 60 - len(posted_to(service))


@pytest.mark.usefixtures("endpoint")
async def test_old_events_are_abandoned_without_a_request_while_the_receiver_is_down(service):
    service.poster.answers[URL] = 500
    for _ in range(50):
        await service.request()
    await deliver(service)
    service.clock.advance(timedelta(hours=25))
    await pass_time(service, 20)
    tried = len(service.poster.posts)
    assert tried < 40  # fewer than one request for each of the fifty events
    service.poster.answers[URL] = 204
    await pass_time(service, 20)
    assert len(service.poster.posts) == tried, "an event was sent a day later"


@pytest.mark.usefixtures("endpoint")
async def test_untried_events_are_posted_as_soon_as_the_receiver_is_up(service):
    service.poster.answers[URL] = None
    for _ in range(50):
        await service.request()
    await deliver(service)
    assert len(service.poster.posts) < 20  # five failures in a row and those in flight, not fifty
    service.poster.answers[URL] = 204
    service.clock.advance(timedelta(seconds=4))
    await deliver(service)
    assert len({event["uploadId"] for event in posted_to(service)}) == 50


async def test_the_lag_of_webhooks_is_measured(service, endpoint):
    service.poster.answers[URL] = None
    await service.request()
    await deliver(service)
    metrics = (await service.use_cases.get_statistics(OPERATOR)).metrics
    assert [subscriber.lag.subscriber for subscriber in metrics.subscribers] == [
        "delete-objects",
        endpoint.subscriber,
    ]
    assert metrics.subscribers[1].lag.deferred == 1
