import asyncio
from datetime import timedelta

import pytest

from builders import START, an_upload, saved
from orak.application.ports.cursors import Backlog, Lag, PendingEvents, SetAside
from orak.domain.identity import UploadId

SECOND = timedelta(seconds=1)


@pytest.fixture
async def cursors(persistence):
    for subscriber in ("mail", "live"):
        await persistence.cursors.begin(subscriber, 0)
    return persistence.cursors


@pytest.fixture
async def events(persistence):
    """Four events of three uploads: the second upload has two."""
    uploads = [await persistence.intake.add(an_upload()) for _ in range(3)]
    await saved(persistence, uploads[1].cancel(at=START + SECOND))
    await persistence.event_log.number()
    return await persistence.event_log.after(0, 9)


def aside(logged, seconds, tries=0):
    return SetAside(logged.position, logged.upload_id, START + seconds * SECOND, tries)


def hold(cursors, holder, *, at=0, subscriber="mail"):
    now = START + at * SECOND
    return cursors.hold(subscriber, holder, at=now, until=now + 10 * SECOND)


async def due(cursors, seconds, *, limit=9, in_order=False, subscriber="mail"):
    found = await cursors.deferred(subscriber, START + seconds * SECOND, limit, in_order=in_order)
    return [(deferred.logged.position, deferred.tries) for deferred in found]


async def test_one_process_at_a_time_holds_a_subscriber(cursors):
    assert await hold(cursors, "a") == 0
    assert await hold(cursors, "b", at=9) is None
    assert await hold(cursors, "b", at=9, subscriber="live") == 0
    assert await hold(cursors, "b", at=10) == 0
    assert await hold(cursors, "a", at=11) is None


async def test_a_holder_may_prolong_its_hold(cursors):
    await hold(cursors, "a")
    assert await hold(cursors, "a", at=9) == 0
    assert await hold(cursors, "b", at=11) is None
    assert await hold(cursors, "b", at=19) == 0


async def test_a_released_hold_blocks_no_other_process(cursors):
    await hold(cursors, "a")
    await cursors.let_go("mail", "b")
    assert await hold(cursors, "b") is None
    await cursors.let_go("mail", "a")
    assert await hold(cursors, "b") == 0


async def test_one_of_many_concurrent_holders_wins(cursors):
    held = await asyncio.gather(*(hold(cursors, f"process-{n}") for n in range(16)))
    assert [position for position in held if position is not None] == [0]


async def test_a_new_subscriber_begins_at_the_given_position_and_a_known_one_at_its_own(cursors):
    await cursors.begin("new", 3)
    assert await hold(cursors, "a", subscriber="new") == 3
    await cursors.advance("new", 5)
    await cursors.begin("new", 4)
    assert await hold(cursors, "a", subscriber="new") == 5


async def test_only_begin_creates_a_cursor(cursors, events):
    for _ in range(2):
        assert await hold(cursors, "a", subscriber="gone") is None
        await cursors.advance("gone", 3, [aside(events[0], 0)])
        await cursors.advance("gone", 3, [aside(events[0], 0)], holder="a")
        await cursors.settle("gone", set(), [aside(events[0], 0)])
        await cursors.let_go("gone", "a")
    assert await due(cursors, 9, subscriber="gone") == []


async def test_a_cursor_never_goes_back(cursors):
    await cursors.advance("mail", 5)
    await cursors.advance("mail", 3)
    assert await hold(cursors, "a") == 5
    await cursors.advance("mail", 6)
    assert await hold(cursors, "a") == 6
    assert await hold(cursors, "a", subscriber="live") == 0


async def test_a_deferred_event_is_returned_again_when_it_is_due(cursors, events):
    await cursors.advance("mail", 3, [aside(events[0], 2), aside(events[1], 1, tries=4)])
    await cursors.advance("live", 3, [aside(events[2], 0)])
    assert await due(cursors, 0) == []
    assert await due(cursors, 1) == [(2, 4)]
    assert await due(cursors, 2) == [(2, 4), (1, 0)]
    assert await due(cursors, 2, limit=1) == [(2, 4)]
    [deferred] = await cursors.deferred("mail", START + SECOND, 9, in_order=False)
    assert deferred.logged == events[1]


async def test_an_in_order_subscriber_gets_only_the_first_deferred_event_of_an_upload(cursors, events):
    await cursors.advance("mail", 4, [aside(events[0], 3), aside(events[1], 2), aside(events[3], 0)])
    assert events[1].upload_id == events[3].upload_id
    assert await due(cursors, 0) == [(4, 0)]
    assert await due(cursors, 0, in_order=True) == []
    assert await due(cursors, 3, in_order=True) == [(2, 0), (1, 0)]
    await cursors.settle("mail", {2})
    assert await due(cursors, 3, in_order=True) == [(4, 0), (1, 0)]


async def test_a_deferred_event_can_be_deferred_again_or_settled(cursors, events):
    await cursors.advance("mail", 2, [aside(events[0], 0), aside(events[1], 0)])
    await cursors.settle("live", {1, 2})
    await cursors.settle("mail", {2}, [aside(events[0], 1, tries=1)])
    assert await due(cursors, 0) == []
    assert await due(cursors, 1) == [(1, 1)]
    await cursors.settle("mail", {1})
    await cursors.settle("mail", {1})
    assert await due(cursors, 1) == []


async def test_uploads_with_a_deferred_event_are_blocked(cursors, events):
    await cursors.advance("mail", 3, [aside(events[0], 9), aside(events[1], 9)])
    uploads = [logged.upload_id for logged in events]
    assert await cursors.blocked("mail", uploads[1:]) == {uploads[1]}
    assert await cursors.blocked("live", uploads) == frozenset()
    assert await cursors.blocked("mail", [UploadId(99)]) == frozenset()


async def test_the_lag_counts_events_behind_and_deferred(cursors, events):
    at = START + SECOND
    assert await cursors.lags(["mail"], at) == [Lag("mail", 4, 0, 0, events[0].event.at)]
    await cursors.advance("mail", 3, [aside(events[0], 1), aside(events[2], 2)])
    assert await cursors.lags(["mail"], at) == [Lag("mail", 1, 2, 1, events[0].event.at)]
    await cursors.settle("mail", {1, 3})
    assert await cursors.lags(["mail"], at) == [Lag("mail", 1, 0, 0, events[3].event.at)]
    await cursors.advance("mail", 4, [aside(events[3], 2)])
    await cursors.settle("mail", {4})
    assert await cursors.lags(["mail"], at) == [Lag("mail", 0, 0, 0, None)]


async def test_the_backlog_says_what_each_subscriber_can_read_now(persistence, cursors, events):
    at = START + SECOND
    both = PendingEvents(0, is_behind=True, is_overdue=False)
    assert await cursors.backlog(at) == Backlog(4, has_unnumbered=False, pending={"mail": both, "live": both})
    await cursors.advance("live", 4)
    await cursors.advance("mail", 3, [aside(events[0], 1), aside(events[2], 2)])
    backlog = await cursors.backlog(at)
    assert backlog.pending == {"mail": PendingEvents(3, is_behind=True, is_overdue=True)}
    assert backlog.work_of("mail") == backlog.pending["mail"]
    assert backlog.work_of("live") is None
    await cursors.settle("mail", {1})
    await cursors.advance("mail", 4)
    backlog = await cursors.backlog(at)
    assert backlog.pending == {"mail": PendingEvents(4, is_behind=False, is_overdue=False)}
    assert backlog.work_of("mail") is None, "an event that is not due is work"
    await cursors.settle("mail", {3})
    await persistence.intake.add(an_upload())
    assert await cursors.backlog(at) == Backlog(4, has_unnumbered=True, pending={})


@pytest.mark.usefixtures("events")
async def test_a_cursor_may_advance_beside_its_holder_but_not_under_a_lost_hold(cursors):
    await hold(cursors, "a")
    await cursors.advance("mail", 1)
    await cursors.advance("mail", 2, holder="b")
    assert await hold(cursors, "a") == 1
    await cursors.advance("mail", 3, holder="a")
    assert await hold(cursors, "a") == 3


async def test_a_process_that_lost_its_hold_changes_nothing(cursors, events):
    await hold(cursors, "a")
    await cursors.advance("mail", 1, holder="a")
    assert await hold(cursors, "b", at=10) == 1
    await cursors.advance("mail", 3, [aside(events[0], 0)], holder="b")
    await cursors.advance("mail", 4, [aside(events[1], 0)], holder="a")
    await cursors.settle("mail", {1}, [aside(events[2], 0)], holder="a")
    assert await due(cursors, 0) == [(1, 0)]
    assert await hold(cursors, "b", at=11) == 3
    await cursors.settle("mail", {1}, holder="b")
    assert await due(cursors, 0) == []


async def test_the_lags_of_subscribers_are_in_the_given_order(cursors, events):
    at = START + SECOND
    await cursors.advance("mail", 3, [aside(events[1], 1)])
    await cursors.advance("live", 4, [aside(events[3], 2)])
    live = Lag("live", 0, 1, 0, events[3].event.at)
    mail = Lag("mail", 1, 1, 1, events[1].event.at)
    unknown = Lag("unknown", 4, 0, 0, events[0].event.at)
    assert await cursors.lags(["mail", "unknown", "live"], at) == [mail, unknown, live]
    assert await cursors.lags(["live"], at) == [live]
    assert await cursors.lags([], at) == []
