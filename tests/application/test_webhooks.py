"""Webhooks deliver every event, in order, whatever happens to their receivers meanwhile."""

import json
from datetime import timedelta
from itertools import pairwise

import pytest

from house import SINGER, a_house
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
async def house():
    async with a_house() as house:
        yield house


@pytest.fixture
async def endpoint(house):
    return await house.use_cases.add_webhook(OPERATOR, URL)


async def deliver(house) -> int:
    await house.use_cases.deliver_webhooks()
    return await house.use_cases.deliver_webhooks.settled()


async def pass_time(house, minutes):
    for _ in range(minutes * 2):
        await deliver(house)
        house.clock.advance(MINUTE / 2)
    await deliver(house)


def posted_to(house, url=URL):
    return [json.loads(body) for posted, _, body in house.poster.posts if posted == url]


async def log_of(house, endpoint):
    page = await house.use_cases.list_webhook_deliveries(OPERATOR, endpoint.id, None, 200)
    return [(delivery.outcome, delivery.status_code) for delivery in page.deliveries]


async def test_new_events_are_posted_and_signed(house, endpoint):
    upload = await house.request()
    await deliver(house)
    [(_, headers, body)] = house.poster.posts
    assert headers["Content-Type"] == "application/json"
    assert headers["User-Agent"] == "orak/test"
    now = house.clock.now().timestamp()
    event = verify_webhook(body, headers["Orak-Signature"], endpoint.secret, now=now)
    assert (event.type, event.upload_id, event.version) == ("UploadRequested", upload.id, 1)
    assert headers["Orak-Event-Id"] == str(event.id)
    assert (
        body
        == (
            f'{{"id":1,"type":"UploadRequested","at":"{upload.created_at:%Y-%m-%dT%H:%M:%SZ}","position":1,'
            f'"uploadId":1,"version":1,"userId":1,"status":"PENDING","attempt":0,"key":"{upload.key}",'
            f'"originalKey":"{upload.key}"}}'
        ).encode()
    )


async def test_events_before_the_webhook_was_added_are_not_posted(house):
    await house.request()
    await house.use_cases.add_webhook(OPERATOR, URL)
    await house.request()
    await deliver(house)
    assert [event["uploadId"] for event in posted_to(house)] == [2]


async def test_a_receiver_that_was_down_for_ten_minutes_gets_every_event_in_order(house, endpoint):
    house.poster.answers[URL] = None
    for _ in range(30):
        await house.create(await house.upload())
    await pass_time(house, 10)
    tried = len(house.poster.posts)
    # Thirty uploads in 21 rounds would be 630 requests without any rest.
    assert tried < 150, "a receiver that is down is asked too often"
    house.poster.answers[URL] = 204
    await pass_time(house, 10)
    delivered = posted_to(house)[tried:]
    assert len(delivered) == 90
    by_upload = {}
    for event in delivered:
        by_upload.setdefault(event["uploadId"], []).append(event["version"])
    assert list(by_upload.values()) == [[1, 2, 3]] * 30
    for _, headers, body in house.poster.posts[tried:]:
        stamp = int(headers["Orak-Signature"].split(",")[0].removeprefix("t="))
        verify_webhook(body, headers["Orak-Signature"], endpoint.secret, now=stamp)


async def test_a_receiver_that_is_down_delays_no_other(house, endpoint):
    await house.use_cases.add_webhook(OPERATOR, OTHER)
    house.poster.answers[URL] = 500
    await house.upload()
    await deliver(house)
    assert [event["version"] for event in posted_to(house, OTHER)] == [1, 2]
    assert [event["version"] for event in posted_to(house)] == [1], (
        "the second event did not wait for the first"
    )
    assert await log_of(house, endpoint) == [(Outcome.FAILED, 500)]


async def test_an_event_that_is_always_refused_is_given_up_after_a_day_and_delays_no_other(house, endpoint):
    poisoned = await house.request()
    post = house.poster.post

    async def refuse(endpoint, logged, *, at):
        house.poster.answers[endpoint.url] = 500 if logged.upload_id == poisoned.id else 204
        return await post(endpoint, logged, at=at)

    house.poster.post = refuse
    await deliver(house)
    await house.request()
    await pass_time(house, 1)
    assert [event["uploadId"] for event in posted_to(house)].count(2) == 1
    house.clock.advance(timedelta(hours=24))
    await pass_time(house, 6)
    times = len(posted_to(house))
    assert (await log_of(house, endpoint))[0] == (Outcome.GIVEN_UP, 500)
    await pass_time(house, 30)
    assert len(posted_to(house)) == times


@pytest.mark.usefixtures("endpoint")
async def test_a_receiver_that_answers_gone_is_disabled(house):
    house.poster.answers[URL] = 410
    await house.request()
    await deliver(house)
    await house.request()
    await pass_time(house, 10)
    assert len(house.poster.posts) == 1
    [shown] = await house.use_cases.list_webhooks(OPERATOR)
    assert (shown.enabled, shown.disabled_reason) == (False, "the receiver answered 410 Gone")


async def test_only_the_chosen_event_types_are_posted(house, endpoint):
    await house.use_cases.change_webhook(
        OPERATOR, endpoint.id, EndpointChange(event_types=["UploadReceived"])
    )
    await house.upload()
    await deliver(house)
    assert [event["type"] for event in posted_to(house)] == ["UploadReceived"]


async def test_events_of_a_disabled_time_are_posted_only_by_a_replay(house, endpoint):
    await house.request()
    await deliver(house)
    await house.use_cases.change_webhook(OPERATOR, endpoint.id, EndpointChange(enabled=False))
    await house.request()
    await deliver(house)
    await house.use_cases.relay_events()
    await house.use_cases.change_webhook(OPERATOR, endpoint.id, EndpointChange(enabled=True))
    await house.request()
    await deliver(house)
    assert [event["uploadId"] for event in posted_to(house)] == [1, 3]
    assert await house.use_cases.replay_webhook_events(OPERATOR, endpoint.id, 1) == 2
    await deliver(house)
    assert [event["uploadId"] for event in posted_to(house)] == [1, 3, 2, 3]


async def test_a_replayed_delivery_keeps_its_event_id(house, endpoint):
    await house.request()
    await deliver(house)
    page = await house.use_cases.list_webhook_deliveries(OPERATOR, endpoint.id, None, 1)
    await house.use_cases.replay_webhook_delivery(OPERATOR, endpoint.id, page.deliveries[0].id)
    await deliver(house)
    first, again = posted_to(house)
    assert first == again


async def test_two_secrets_sign_after_a_rotation(house, endpoint):
    rotated = await house.use_cases.rotate_webhook_secret(OPERATOR, endpoint.id)
    assert rotated.secret != endpoint.secret

    async def signs():
        await house.request()
        await deliver(house)
        _, headers, body = house.poster.posts[-1]
        now, good = house.clock.now().timestamp(), []
        for secret in (endpoint.secret, rotated.secret):
            try:
                verify_webhook(body, headers["Orak-Signature"], secret, now=now)
            except InvalidWebhook:
                good.append(False)
            else:
                good.append(True)
        return good

    assert await signs() == [True, True]
    house.clock.advance(timedelta(hours=24))
    assert await signs() == [False, True]


async def test_a_removed_webhook_gets_no_events_and_leaves_no_rows(house, endpoint):
    house.poster.answers[URL] = 500
    await house.request()
    await deliver(house)
    await house.use_cases.remove_webhook(OPERATOR, endpoint.id)
    await pass_time(house, 10)
    assert len(house.poster.posts) == 1
    with pytest.raises(EndpointNotFound):
        await house.use_cases.list_webhook_deliveries(OPERATOR, endpoint.id, None, 1)
    assert (await house.persistence.cursors.lag(endpoint.subscriber, house.clock.now())).deferred == 0


async def test_a_delivery_log_is_paged_and_kept_for_a_month(house, endpoint):
    for _ in range(5):
        await house.request()
    await deliver(house)
    seen, before = [], None
    for size in (2, 2, 1):
        page = await house.use_cases.list_webhook_deliveries(OPERATOR, endpoint.id, before, 2)
        assert len(page.deliveries) == size
        seen += [delivery.id for delivery in page.deliveries]
        before = page.next
    assert before is None
    assert all(later > earlier for later, earlier in pairwise(seen))
    house.clock.advance(timedelta(days=31))
    await deliver(house)
    assert await log_of(house, endpoint) == []


async def test_private_addresses_and_unknown_types_are_refused_together(house, endpoint):
    with pytest.raises(Rejected) as refused:
        await house.use_cases.add_webhook(OPERATOR, "http://private.example", ["Nonsense"])
    assert [(problem.field, problem.code) for problem in refused.value.problems] == [
        ("url", "NOT_PUBLIC"),
        ("event_types", "INVALID"),
    ]
    with pytest.raises(Rejected):
        await house.use_cases.change_webhook(
            OPERATOR, endpoint.id, EndpointChange(url="http://private.example")
        )


async def test_only_operators_manage_webhooks(house, endpoint):
    u = house.use_cases
    for call in (
        u.list_webhooks(SINGER),
        u.get_webhook(SINGER, endpoint.id),
        u.add_webhook(SINGER, URL),
        u.change_webhook(SINGER, endpoint.id, EndpointChange()),
        u.rotate_webhook_secret(SINGER, endpoint.id),
        u.remove_webhook(SINGER, endpoint.id),
        u.list_webhook_deliveries(SINGER, endpoint.id, None, 1),
        u.replay_webhook_delivery(SINGER, endpoint.id, 1),
        u.replay_webhook_events(SINGER, endpoint.id, 0),
    ):
        with pytest.raises(AdminRequired):
            await call


async def test_a_secret_rotated_during_another_change_is_kept(house, endpoint):
    async def check(_url):
        await house.use_cases.rotate_webhook_secret(OPERATOR, endpoint.id)

    house.poster.check = check
    changed = await house.use_cases.change_webhook(OPERATOR, endpoint.id, EndpointChange(url=OTHER))
    assert changed.url == OTHER
    assert (changed.secret != endpoint.secret, changed.previous_secret) == (True, endpoint.secret)


def once_after(house, posts, act):
    """Call *act* in the middle of a page, as an operator might in another process."""
    post, acts = house.poster.post, [act]

    async def acting(endpoint, logged, *, at):
        answer = await post(endpoint, logged, at=at)
        if len(house.poster.posts) >= posts and acts:
            await acts.pop()()
        return answer

    house.poster.post = acting


async def test_a_webhook_removed_during_a_page_gets_no_more_events_and_leaves_no_rows(house, endpoint):
    for _ in range(300):
        await house.request()
    once_after(house, 5, lambda: house.use_cases.remove_webhook(OPERATOR, endpoint.id))
    await deliver(house)
    await pass_time(house, 1)
    assert len(house.poster.posts) < 5 + MAX_CONCURRENT
    now = house.clock.now()
    assert await house.persistence.cursors.hold(endpoint.subscriber, "a", at=now, until=now) is None
    assert await house.persistence.deliveries.page(endpoint.id, None, 9) == []


async def test_a_webhook_disabled_during_a_page_gets_the_rest_when_enabled_again(house, endpoint):
    for _ in range(60):
        await house.request()
    off, on = EndpointChange(enabled=False), EndpointChange(enabled=True)
    once_after(house, 5, lambda: house.use_cases.change_webhook(OPERATOR, endpoint.id, off))
    await deliver(house)
    await pass_time(house, 1)
    assert len(house.poster.posts) < 5 + MAX_CONCURRENT
    await house.use_cases.change_webhook(OPERATOR, endpoint.id, on)
    await pass_time(house, 10)
    assert sorted(event["uploadId"] for event in posted_to(house)) == list(range(1, 61))


async def test_a_changed_url_is_used_from_the_next_post_on(house, endpoint):
    for _ in range(60):
        await house.request()
    moved = EndpointChange(url=OTHER)
    once_after(house, 5, lambda: house.use_cases.change_webhook(OPERATOR, endpoint.id, moved))
    await deliver(house)
    assert len(posted_to(house)) < 5 + MAX_CONCURRENT
    assert len(posted_to(house, OTHER)) == 60 - len(posted_to(house))


@pytest.mark.usefixtures("endpoint")
async def test_events_too_old_are_given_up_without_a_request_to_a_receiver_that_is_down(house):
    house.poster.answers[URL] = 500
    for _ in range(50):
        await house.request()
    await deliver(house)
    house.clock.advance(timedelta(hours=25))
    await pass_time(house, 20)
    tried = len(house.poster.posts)
    assert tried < 40  # fewer than one request for each of the fifty events
    house.poster.answers[URL] = 204
    await pass_time(house, 20)
    assert len(house.poster.posts) == tried, "an event was sent a day later"


@pytest.mark.usefixtures("endpoint")
async def test_untried_events_are_posted_as_soon_as_the_receiver_is_up(house):
    house.poster.answers[URL] = None
    for _ in range(50):
        await house.request()
    await deliver(house)
    assert len(house.poster.posts) < 20  # five failures in a row and those in flight, not fifty
    house.poster.answers[URL] = 204
    house.clock.advance(timedelta(seconds=4))
    await deliver(house)
    assert len({event["uploadId"] for event in posted_to(house)}) == 50


async def test_the_lag_of_webhooks_is_measured(house, endpoint):
    house.poster.answers[URL] = None
    await house.request()
    await deliver(house)
    measures = (await house.use_cases.get_statistics(OPERATOR)).measures
    assert [subscriber.lag.subscriber for subscriber in measures.subscribers] == [
        "delete-objects",
        endpoint.subscriber,
    ]
    assert measures.subscribers[1].lag.deferred == 1
