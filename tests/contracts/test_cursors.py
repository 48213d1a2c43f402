import asyncio
from datetime import timedelta

import pytest

from builders import START, an_upload, saved
from orak.application.ports.cursors import Lag, SetAside
from orak.domain.identity import UploadId

SECOND = timedelta(seconds=1)


@pytest.fixture
async def cursors(persistence):
    for subscriber in ("mail", "live"):
        await persistence.cursors.begin(subscriber, 0)
    return persistence.cursors


@pytest.fixture
async def events(persistence):
    """Four of three uploads: the second has two."""
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


async def test_one_process_at_a_time_reads_for_a_reader(cursors):
    assert await hold(cursors, "a") == 0
    assert await hold(cursors, "b", at=9) is None
    assert await hold(cursors, "b", at=9, subscriber="live") == 0
    assert await hold(cursors, "b", at=10) == 0
    assert await hold(cursors, "a", at=11) is None


async def test_a_holder_may_hold_for_longer(cursors):
    await hold(cursors, "a")
    assert await hold(cursors, "a", at=9) == 0
    assert await hold(cursors, "b", at=11) is None
    assert await hold(cursors, "b", at=19) == 0


async def test_who_lets_go_holds_up_nobody(cursors):
    await hold(cursors, "a")
    await cursors.let_go("mail", "b")
    assert await hold(cursors, "b") is None
    await cursors.let_go("mail", "a")
    assert await hold(cursors, "b") == 0


async def test_of_many_that_want_to_hold_one_does(cursors):
    held = await asyncio.gather(*(hold(cursors, f"process-{n}") for n in range(16)))
    assert [position for position in held if position is not None] == [0]


async def test_a_new_reader_begins_where_it_is_told_and_an_old_one_where_it_was(cursors):
    await cursors.begin("new", 3)
    assert await hold(cursors, "a", subscriber="new") == 3
    await cursors.advance("new", 5)
    await cursors.begin("new", 4)
    assert await hold(cursors, "a", subscriber="new") == 5


async def test_nothing_but_its_beginning_makes_a_reader_known(cursors, events):
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


async def test_an_event_set_aside_comes_again_when_it_is_due(cursors, events):
    await cursors.advance("mail", 3, [aside(events[0], 2), aside(events[1], 1, tries=4)])
    await cursors.advance("live", 3, [aside(events[2], 0)])
    assert await due(cursors, 0) == []
    assert await due(cursors, 1) == [(2, 4)]
    assert await due(cursors, 2) == [(2, 4), (1, 0)]
    assert await due(cursors, 2, limit=1) == [(2, 4)]
    [deferred] = await cursors.deferred("mail", START + SECOND, 9, in_order=False)
    assert deferred.logged == events[1]


async def test_in_order_only_the_first_of_an_upload_comes_and_when_it_is_due(cursors, events):
    await cursors.advance("mail", 4, [aside(events[0], 3), aside(events[1], 2), aside(events[3], 0)])
    assert events[1].upload_id == events[3].upload_id
    assert await due(cursors, 0) == [(4, 0)]
    assert await due(cursors, 0, in_order=True) == []
    assert await due(cursors, 3, in_order=True) == [(2, 0), (1, 0)]
    await cursors.settle("mail", {2})
    assert await due(cursors, 3, in_order=True) == [(4, 0), (1, 0)]


async def test_an_event_can_be_set_aside_for_longer_and_be_done_with(cursors, events):
    await cursors.advance("mail", 2, [aside(events[0], 0), aside(events[1], 0)])
    await cursors.settle("live", {1, 2})
    await cursors.settle("mail", {2}, [aside(events[0], 1, tries=1)])
    assert await due(cursors, 0) == []
    assert await due(cursors, 1) == [(1, 1)]
    await cursors.settle("mail", {1})
    await cursors.settle("mail", {1})
    assert await due(cursors, 1) == []


async def test_uploads_with_an_event_set_aside_are_known(cursors, events):
    await cursors.advance("mail", 3, [aside(events[0], 9), aside(events[1], 9)])
    uploads = [logged.upload_id for logged in events]
    assert await cursors.blocked("mail", uploads[1:]) == {uploads[1]}
    assert await cursors.blocked("live", uploads) == frozenset()
    assert await cursors.blocked("mail", [UploadId(99)]) == frozenset()


async def test_the_lag_of_a_reader(cursors, events):
    at = START + SECOND
    assert await cursors.lag("mail", at) == Lag("mail", 4, 0, 0, events[0].event.at)
    await cursors.advance("mail", 3, [aside(events[0], 1), aside(events[2], 2)])
    assert await cursors.lag("mail", at) == Lag("mail", 1, 2, 1, events[0].event.at)
    await cursors.settle("mail", {1, 3})
    lag = await cursors.lag("mail", at)
    assert lag == Lag("mail", 1, 0, 0, events[3].event.at)
    assert lag.has_work
    await cursors.advance("mail", 4, [aside(events[3], 2)])
    assert not (await cursors.lag("mail", at)).has_work
    await cursors.settle("mail", {4})
    assert await cursors.lag("mail", at) == Lag("mail", 0, 0, 0, None)


async def test_who_lost_the_hold_writes_nothing_more(cursors, events):
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
