"""The order in which the conversions of a process drain the line."""

import asyncio

from builders import OTHER_USER, OWNER, START
from draining import a_drain
from orak.domain.identity import UserId

DEADLINE = 120
"""Seconds; far more than a drain takes, so only a test that hangs reaches it."""
WORKERS = 2
MANY = 500


async def wake_for(drain, uploads):
    for _ in uploads:
        await drain.queue.wake()


async def test_five_hundred_uploads_of_one_user_delay_anothers_first_by_one_conversion_a_worker(
    persistence, clock
):
    async with asyncio.timeout(DEADLINE), a_drain(persistence, clock, workers=WORKERS) as drain:
        await wake_for(drain, await drain.line_up([OWNER] * MANY, START))
        drain.converter.let_end(7)
        await drain.converter.until_begun(7 + WORKERS)
        before = len(await drain.starts())
        (first,) = await drain.line_up([OTHER_USER], START)
        await drain.queue.wake()
        drain.converter.let_end(2 * WORKERS)
        await drain.converter.until_begun(7 + 3 * WORKERS)
        later = (await drain.starts())[before:]
        assert (OTHER_USER, first) in later[:WORKERS], later


async def test_uploads_are_drained_once_each_round_robin_and_oldest_first(persistence, clock):
    users = [UserId(number) for number in range(1, 9)]
    each, workers = 12, 4
    async with asyncio.timeout(DEADLINE), a_drain(persistence, clock, workers=workers) as drain:
        ids = await drain.line_up([user for user in users for _ in range(each)], START)
        drain.converter.let_end(len(ids))
        report = await drain.pool.run_batch(len(ids) + 1)
        starts = await drain.starts()
    assert (report.started, report.completed, report.is_full) == (len(ids), len(ids), False)
    check_order(starts, users, each, workers)
    counts = await persistence.reports.count(START, START)
    assert (counts.waiting, counts.processing) == (0, 0)
    assert await persistence.reports.count_completed() == len(ids)


def check_order(starts, users, each, workers):
    """Check that each upload started once, oldest first, and users took turns.

    Concurrent workers may shift a start by as many places as there are workers.
    """
    assert len({upload_id for _, upload_id in starts}) == len(starts) == len(users) * each
    places = {user: [place for place, (owner, _) in enumerate(starts) if owner == user] for user in users}
    for user in users:
        own = [upload_id for owner, upload_id in starts if owner == user]
        shuffled = [abs(own.index(upload_id) - place) for place, upload_id in enumerate(sorted(own))]
        assert max(shuffled) < workers
        for turn, place in enumerate(places[user]):
            # Events of concurrent claims may be written in another order, by one for each worker.
            assert turn * len(users) - workers < place < (turn + 1) * len(users) + workers
