"""Expired idempotency keys are removed, however many there are."""

from datetime import timedelta

from builders import an_upload
from memory_orak import OWNER, a_memory_orak
from orak.application.ports.idempotency_keys import IdempotencyKey


async def test_all_expired_keys_are_removed_and_no_others():
    async with a_memory_orak() as service:

        async def call(number):
            return await service.persistence.intake.add(
                an_upload(), IdempotencyKey(OWNER.user_id, "presign", f"key-{number}", "body")
            )

        for number in range(1100):
            await call(number)
        service.clock.advance(timedelta(hours=24))
        kept = await call(1100)
        assert await service.use_cases.prune_idempotency_keys() == 1100
        assert await service.use_cases.prune_idempotency_keys() == 0
        assert await call(1100) == kept
