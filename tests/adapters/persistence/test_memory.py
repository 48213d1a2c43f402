"""Memory: what its transactions refuse, and the limits of one process."""

from datetime import timedelta

import pytest

from builders import START, an_upload
from orak.adapters.persistence.memory.database import MemoryPersistence

LEASE = timedelta(seconds=30)


async def test_a_finished_transaction_refuses_work(memory):
    upload = await memory.intake.add(an_upload())
    async with memory.transaction() as finished:
        pass
    with pytest.raises(RuntimeError, match="the transaction is over"):
        await finished.uploads.save(*upload.cancel(at=START))
    assert await memory.snapshots.upload(upload.id) == upload


async def test_each_memory_database_starts_empty(memory, clock):
    await memory.intake.add(an_upload())
    async with MemoryPersistence.open(clock=clock, lease=LEASE) as other:
        assert (await other.intake.add(an_upload())).id == 1


async def test_now_is_the_time_of_the_clock(memory, clock):
    assert await memory.now() == clock.now()
