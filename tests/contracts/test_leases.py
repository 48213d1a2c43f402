import asyncio
from datetime import timedelta

import pytest

from builders import OTHER_USER, OWNER, START, a_waiting_record, an_object, an_upload, created, saved
from orak.domain.errors import LeaseLost
from orak.domain.events import EventType
from orak.domain.identity import UploadId, UserId
from orak.domain.processing import FailureCode, ProcessingStatus

LEASE = timedelta(seconds=30)
SECOND = timedelta(seconds=1)


async def read(persistence, upload_id):
    async with persistence.transaction() as tx:
        return await tx.uploads.get(upload_id)


async def claim_all(persistence):
    """Claim every waiting upload; return their owners and ids in that order."""
    order = []
    while snapshot := await persistence.leases.claim():
        order.append((snapshot.upload.owner_id, snapshot.upload.id))
    return order


async def test_an_upload_is_leased_to_its_next_attempt(persistence):
    snapshot = await a_waiting_record(persistence)
    leased = await persistence.leases.claim()
    assert leased.record == snapshot.record
    upload = leased.upload
    assert (upload.status, upload.attempt, upload.version) == (ProcessingStatus.PROCESSING, 1, 4)
    assert upload.lease_until == START + LEASE
    assert await read(persistence, upload.id) == upload
    await persistence.event_log.number()
    last = (await persistence.event_log.after(0, 9))[-1]
    assert (last.version, last.event.type, last.event.attempt) == (4, EventType.PROCESSING_STARTED, 1)


async def test_a_given_upload_is_leased_out_of_turn(persistence):
    await a_waiting_record(persistence)
    second = await a_waiting_record(persistence)
    assert (await persistence.leases.claim(second.upload.id)).upload.id == second.upload.id
    assert await persistence.leases.claim(second.upload.id) is None


async def test_an_upload_that_is_not_waiting_cannot_be_claimed(persistence):
    pending = await persistence.intake.add(an_upload())
    unnamed = await persistence.intake.add(an_upload())
    await saved(persistence, unnamed.receive(an_object(unnamed), at=START))
    named = await persistence.intake.add(an_upload())
    await created(persistence, named)
    for upload_id in (None, pending.id, unnamed.id, named.id, UploadId(99)):
        assert await persistence.leases.claim(upload_id) is None
    assert await persistence.leases.next_start() is None


async def test_an_upload_waits_from_the_moment_it_has_a_record(persistence):
    upload = await persistence.intake.add(an_upload())
    upload = await saved(persistence, upload.receive(an_object(upload), at=START))
    await created(persistence, upload)
    assert (await persistence.leases.claim()).upload.id == upload.id


async def test_no_two_callers_claim_the_same_upload(persistence):
    for _ in range(20):
        await a_waiting_record(persistence)
    leased = await asyncio.gather(*(persistence.leases.claim() for _ in range(24)))
    ids = [snapshot.upload.id for snapshot in leased if snapshot]
    assert len(ids) == len(set(ids)) == 20


async def test_an_owner_with_many_uploads_does_not_delay_another_owners_first(persistence):
    upload_ids = [(await a_waiting_record(persistence, OWNER)).upload.id for _ in range(12)]
    others_record = await a_waiting_record(persistence, OTHER_USER)
    order = await claim_all(persistence)
    assert order.index((OTHER_USER, others_record.upload.id)) == 1
    assert [upload_id for owner, upload_id in order if owner == OWNER] == upload_ids


async def test_owners_take_turns(persistence):
    crowd = [UserId(number) for number in (1, 1, 1, 2, 2, 3)]
    for owner in crowd:
        await a_waiting_record(persistence, owner)
    assert [owner for owner, _ in await claim_all(persistence)] == [1, 2, 3, 1, 2, 1]


async def test_a_newcomer_comes_after_the_uploads_whose_turn_it_is(persistence):
    for _ in range(4):
        await a_waiting_record(persistence, OWNER)
    for _ in range(2):
        await persistence.leases.claim()
    for _ in range(2):
        await a_waiting_record(persistence, OTHER_USER)
    assert [owner for owner, _ in await claim_all(persistence)] == [OWNER, OTHER_USER, OWNER, OTHER_USER]


FAIR_SHARE = 4
"""Minimum of twenty claims for a user with nine waiting uploads, while a newcomer joins for each claim."""


async def served(persistence, owner):
    """Claim an upload while a newcomer joins the line for each claim; return the owners."""
    await a_waiting_record(persistence, owner)
    leased = (await persistence.leases.claim()).upload
    await saved(persistence, leased.fail(leased.attempt, FailureCode.CORRUPT, at=START))
    return leased.owner_id


async def test_a_steady_flow_of_newcomers_does_not_starve_an_old_line(persistence):
    for _ in range(9):
        await a_waiting_record(persistence, OWNER)
    owners = [await served(persistence, UserId(100 + number)) for number in range(20)]
    assert owners.count(OWNER) >= FAIR_SHARE


async def test_an_upload_in_back_off_lets_no_newcomer_pass_an_old_line(persistence):
    await a_waiting_record(persistence, OTHER_USER)
    stuck = (await persistence.leases.claim()).upload
    later = START + timedelta(minutes=10)
    await saved(persistence, stuck.fail_attempt(1, message="", at=START, not_before=later))
    for _ in range(9):
        await a_waiting_record(persistence, OWNER)
    for _ in range(4):
        await served(persistence, OWNER)
    owners = [await served(persistence, UserId(100 + number)) for number in range(20)]
    assert owners.count(OWNER) >= FAIR_SHARE


async def test_an_upload_back_from_back_off_lets_no_newcomer_pass_an_old_line(persistence, clock):
    await a_waiting_record(persistence, OTHER_USER)
    stuck = (await persistence.leases.claim()).upload
    for _ in range(9):
        await a_waiting_record(persistence, OWNER)
    for _ in range(4):
        await served(persistence, OWNER)
    await saved(persistence, stuck.fail_attempt(1, message="", at=START, not_before=START + SECOND))
    clock.advance(SECOND)
    owners = [await served(persistence, UserId(100 + number)) for number in range(20)]
    assert owners.count(OWNER) >= FAIR_SHARE


async def test_a_long_conversion_lets_no_newcomer_pass_an_old_line(persistence):
    await a_waiting_record(persistence, OTHER_USER)
    await persistence.leases.claim()
    for _ in range(9):
        await a_waiting_record(persistence, OWNER)
    owners = [await served(persistence, UserId(100 + number)) for number in range(20)]
    assert owners.count(OWNER) >= FAIR_SHARE


async def test_an_upload_put_back_into_an_emptied_line_is_not_starved(persistence, clock):
    for _ in range(9):
        await a_waiting_record(persistence, OWNER)
    for _ in range(8):
        leased = (await persistence.leases.claim()).upload
        await saved(persistence, leased.fail(leased.attempt, FailureCode.CORRUPT, at=START))
    last = (await persistence.leases.claim()).upload
    await saved(persistence, last.release(last.attempt, at=START, not_before=START + SECOND))
    for number in range(5):
        await a_waiting_record(persistence, UserId(100 + number))
    clock.advance(SECOND)
    owners = [await served(persistence, UserId(200 + number)) for number in range(10)]
    assert OWNER in owners


async def test_an_upload_that_is_put_back_keeps_its_turn(persistence):
    for _ in range(3):
        await a_waiting_record(persistence)
    first = (await persistence.leases.claim()).upload
    await saved(persistence, first.release(first.attempt, at=START))
    assert (await claim_all(persistence))[0] == (OWNER, first.id)


async def test_a_retried_upload_waits_behind_its_owners_other_uploads(persistence):
    first, *others = [await a_waiting_record(persistence) for _ in range(3)]
    running = (await persistence.leases.claim()).upload
    failed = await saved(persistence, running.fail(1, FailureCode.CORRUPT, at=START))
    await saved(persistence, failed.retry(at=START, forced=True))
    assert [upload_id for _, upload_id in await claim_all(persistence)] == [
        *(other.upload.id for other in others),
        first.upload.id,
    ]


async def test_changing_a_record_does_not_move_its_upload_in_line(persistence):
    first = await a_waiting_record(persistence)
    await a_waiting_record(persistence)
    await saved(persistence, first.upload.note_record_change(at=START))
    assert (await persistence.leases.claim()).upload.id == first.upload.id


async def test_a_deleted_upload_has_left_the_line(persistence):
    snapshot = await a_waiting_record(persistence)
    async with persistence.transaction() as tx:
        await tx.records.remove(snapshot.record.id)
        await tx.uploads.save(*snapshot.upload.delete(at=START))
    assert await persistence.leases.claim() is None


async def test_other_uploads_pass_one_in_back_off(persistence, clock):
    await a_waiting_record(persistence)
    second = await a_waiting_record(persistence)
    first = (await persistence.leases.claim()).upload
    await saved(
        persistence, first.fail_attempt(1, message="broken", at=START, not_before=START + 10 * SECOND)
    )
    assert await persistence.leases.claim(first.id) is None
    assert (await persistence.leases.claim()).upload.id == second.upload.id
    assert await persistence.leases.claim() is None
    assert await persistence.leases.next_start() == START + 10 * SECOND
    clock.advance(10 * SECOND)
    assert (await persistence.leases.claim()).upload.id == first.id


async def test_the_next_start_is_no_later_than_now_while_an_upload_may_start(persistence):
    snapshot = await a_waiting_record(persistence)
    later = await a_waiting_record(persistence)
    running = (await persistence.leases.claim(snapshot.upload.id)).upload
    await saved(persistence, running.release(1, at=START, not_before=START + SECOND))
    assert await persistence.leases.next_start() <= START
    await persistence.leases.claim(later.upload.id)
    assert await persistence.leases.next_start() == START + SECOND


async def test_an_extended_lease_counts_from_now(persistence, clock):
    await a_waiting_record(persistence)
    upload = (await persistence.leases.claim()).upload
    clock.advance(10 * SECOND)
    await persistence.leases.extend(upload.id, 1, 40)
    held = await read(persistence, upload.id)
    assert (held.lease_until, held.progress) == (clock.now() + LEASE, 40)
    assert held.version == upload.version
    assert await persistence.event_log.number() == upload.version


async def test_progress_moves_the_time_of_change_and_a_bare_heartbeat_does_not(persistence, clock):
    await a_waiting_record(persistence)
    upload = (await persistence.leases.claim()).upload
    for progress, moved in ((0, False), (40, True), (40, False), (41, True)):
        clock.advance(10 * SECOND)
        before = (await read(persistence, upload.id)).changed_at
        await persistence.leases.extend(upload.id, 1, progress)
        assert (await read(persistence, upload.id)).changed_at == (clock.now() if moved else before)


async def test_a_worker_may_complete_on_the_row_it_read_before_extending(persistence, clock):
    await a_waiting_record(persistence)
    upload = (await persistence.leases.claim()).upload
    clock.advance(SECOND)
    await persistence.leases.extend(upload.id, 1, 40)
    assert (await saved(persistence, upload.release(1, at=START))).version == upload.version + 1


async def test_a_lease_that_ran_out_is_lost(persistence, clock):
    for _ in range(3):
        await a_waiting_record(persistence)
    first = (await persistence.leases.claim()).upload
    clock.advance(SECOND)
    second = (await persistence.leases.claim()).upload
    third = (await persistence.leases.claim()).upload
    assert await persistence.leases.lost(9) == []
    clock.advance(LEASE - SECOND)
    assert await persistence.leases.lost(9) == [first]
    clock.advance(SECOND)
    assert await persistence.leases.lost(9) == [first, second, third]
    assert await persistence.leases.lost(2) == [first, second]


async def test_an_expired_lease_can_be_extended_until_another_attempt_has_it(persistence, clock):
    await a_waiting_record(persistence)
    late = (await persistence.leases.claim()).upload
    clock.advance(2 * LEASE)
    await persistence.leases.extend(late.id, 1, 50)
    assert await persistence.leases.lost(9) == []


async def test_a_lost_lease_cannot_be_extended(persistence):
    await a_waiting_record(persistence)
    first = (await persistence.leases.claim()).upload
    await saved(persistence, first.fail_attempt(1, message="lost", at=START, not_before=START))
    with pytest.raises(LeaseLost):
        await persistence.leases.extend(first.id, 1, 50)
    second = (await persistence.leases.claim()).upload
    with pytest.raises(LeaseLost):
        await persistence.leases.extend(first.id, 1, 50)
    await persistence.leases.extend(second.id, 2, 50)
    with pytest.raises(LeaseLost):
        await persistence.leases.extend(UploadId(99), 1, 50)
