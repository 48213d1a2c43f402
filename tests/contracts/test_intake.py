import asyncio

import pytest
from msgspec.structs import replace

from builders import OTHER_USER, OWNER, START, an_object, an_upload, created, saved
from orak.application.ports.failures import Unavailable
from orak.application.ports.idempotency_keys import IdempotencyKey
from orak.domain.errors import IdempotencyMismatch
from orak.domain.events import EventType

CALL = IdempotencyKey(OWNER, "POST /records/async/presigned-url", "key-1", "body-1")


async def events(persistence):
    await persistence.event_log.number()
    return await persistence.event_log.after(0, 1000)


async def test_an_upload_is_stored_with_its_event(persistence):
    new = an_upload()
    upload = await persistence.intake.add(new)
    assert upload == replace(new, id=upload.id)
    (logged,) = await events(persistence)
    assert (logged.upload_id, logged.version) == (upload.id, 1)
    assert logged.event == new.requested()
    assert logged.event.type is EventType.UPLOAD_REQUESTED


async def test_the_owner_s_row_is_added_with_the_upload(persistence):
    upload = await persistence.intake.add(an_upload(OTHER_USER))
    await created(persistence, upload)  # needs the user's row


async def test_each_of_many_concurrent_callers_gets_its_own_upload(persistence):
    new = [an_upload(owner=OWNER + n % 3, size=n + 1) for n in range(40)]
    uploads = await asyncio.gather(*map(persistence.intake.add, new))
    assert [replace(upload, id=0) for upload in uploads] == new
    assert len({upload.id for upload in uploads}) == 40
    assert {(n.upload_id, n.event.uuid) for n in await events(persistence)} == {
        (upload.id, upload.uuid) for upload in uploads
    }


async def test_an_upload_that_arrives_during_a_write_joins_the_next_group(persistence):
    calls = []
    for pause in range(12):
        calls.append(asyncio.create_task(persistence.intake.add(an_upload())))
        for _ in range(pause):
            await asyncio.sleep(0)
    async with asyncio.timeout(5):
        uploads = await asyncio.gather(*calls)
    assert len({upload.id for upload in uploads}) == len(calls)


async def test_an_upload_that_cannot_be_written_fails_alone(persistence):
    taken = await persistence.intake.add(an_upload())
    new = [an_upload() for _ in range(7)]
    new.insert(3, an_upload(uuid=taken.uuid))
    outcomes = await asyncio.gather(*map(persistence.intake.add, new), return_exceptions=True)
    assert [isinstance(outcome, Unavailable) for outcome in outcomes] == [place == 3 for place in range(8)]
    assert len(await events(persistence)) == 8


@pytest.mark.parametrize("turns_of_the_loop", range(6))
async def test_a_cancelled_caller_does_not_affect_the_others(persistence, turns_of_the_loop):
    calls = [asyncio.create_task(persistence.intake.add(an_upload())) for _ in range(5)]
    for _ in range(turns_of_the_loop):
        await asyncio.sleep(0)
    calls[0].cancel()
    calls[2].cancel()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert len({outcomes[place].id for place in (1, 3, 4)}) == 3
    assert (await persistence.intake.add(an_upload())).id


async def test_a_call_sent_twice_has_one_effect(persistence):
    first = await persistence.intake.add(an_upload(), CALL)
    again = await persistence.intake.add(an_upload(), CALL)
    assert again == first
    assert len(await events(persistence)) == 1


async def test_a_repeated_call_returns_the_upload_as_it_is_now(persistence):
    upload = await persistence.intake.add(an_upload(), CALL)
    received = await saved(persistence, upload.receive(an_object(upload), at=START))
    assert await persistence.intake.add(an_upload(), CALL) == received


async def test_concurrent_calls_with_one_key_get_one_upload(persistence):
    other = replace(CALL, key="key-2")
    calls = [
        persistence.intake.add(an_upload(), idempotency_key)
        for idempotency_key in (CALL, CALL, other, None, CALL)
    ]
    uploads = await asyncio.gather(*calls)
    assert uploads[0] == uploads[1] == uploads[4]
    assert len({upload.id for upload in uploads}) == 3
    assert len(await events(persistence)) == 3


async def test_a_key_with_another_body_fails_alone_in_its_group(persistence):
    other_body = replace(CALL, fingerprint="body-2")
    outcomes = await asyncio.gather(
        *(
            persistence.intake.add(an_upload(), idempotency_key)
            for idempotency_key in (CALL, other_body, None)
        ),
        return_exceptions=True,
    )
    assert isinstance(outcomes[1], IdempotencyMismatch)
    assert outcomes[0].id != outcomes[2].id
    with pytest.raises(IdempotencyMismatch):
        await persistence.intake.add(an_upload(), other_body)


async def test_a_refused_upload_does_not_use_its_key(persistence):
    taken = await persistence.intake.add(an_upload())
    with pytest.raises(Unavailable):
        await persistence.intake.add(an_upload(uuid=taken.uuid), CALL)
    upload = await persistence.intake.add(an_upload(), CALL)
    assert upload.id != taken.id
