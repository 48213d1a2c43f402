"""Which commits give the signal on which readers of the event log wake up."""

import asyncio

import pytest

from builders import OWNER, START, an_object, an_upload, created, saved
from orak.domain.errors import UploadNotFound
from orak.domain.identity import UploadId


@pytest.fixture
async def signals(persistence):
    """An event that each signal sets."""
    heard = asyncio.Event()
    persistence.event_signal.listen(heard.set)
    return heard


async def heard(signals):
    """Whether a signal was given since the last call."""
    given = signals.is_set()
    signals.clear()
    return given


async def test_each_commit_of_events_gives_the_signal(persistence, signals):
    upload = await persistence.intake.add(an_upload())
    assert await heard(signals)
    await saved(persistence, upload.cancel(at=START))
    assert await heard(signals)
    upload = await persistence.intake.add(an_upload())
    signals.clear()
    await created(persistence, upload, an_object(upload))
    assert await heard(signals)
    assert await persistence.leases.claim() is not None
    assert await heard(signals)


async def test_nothing_is_signalled_before_the_commit_or_without_one(persistence, signals):
    upload = await persistence.intake.add(an_upload())
    await persistence.snapshots.count(OWNER)
    signals.clear()
    assert await persistence.leases.claim() is None

    async def fail():
        async with persistence.transaction() as tx:
            await tx.uploads.save(*upload.cancel(at=START))
            assert not await heard(signals)
            raise UploadNotFound(UploadId(1))

    with pytest.raises(UploadNotFound):
        await fail()
    assert not await heard(signals)
