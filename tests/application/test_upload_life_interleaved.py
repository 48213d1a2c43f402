"""Invariants of uploads under concurrent calls in any order."""

import asyncio
from collections import defaultdict
from contextlib import suppress
from datetime import timedelta
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory_orak import OTHER_USER, OWNER, MemoryOrak, a_memory_orak
from orak.application.ports.converter import ConversionBroke, DecoderDied, Unconvertible
from orak.application.ports.failures import Unavailable
from orak.domain.errors import OrakError
from orak.domain.events import LoggedEvent
from orak.domain.processing import MOVES, FailureCode, ProcessingStatus
from orak.domain.upload import Upload

S = ProcessingStatus
CONTENT = b"abc"
TROUBLES = [
    Unconvertible(FailureCode.CORRUPT),
    DecoderDied(FailureCode.DECODER_CRASHED),
    Unavailable("the store does not answer"),
    ConversionBroke("  ValueError: a bug"),
    RuntimeError("a bug"),
]
ENDED = {S.COMPLETED, S.FAILED, S.EXPIRED, S.CANCELLED, S.DELETED}


class Life:
    """A few uploads of two users, and every call that may be made on one of them."""

    def __init__(self, service: MemoryOrak) -> None:
        self.service = service
        self.uploads: list[Upload] = []

    async def step(self, name: str, number: int) -> None:
        with suppress(OrakError):  # a refusal is allowed; the invariants are checked afterwards
            await getattr(self, name)(number)

    def _pick(self, which: int) -> Upload:
        return self.uploads[which % len(self.uploads)]

    @staticmethod
    def _owner(upload: Upload):
        return OWNER if upload.owner_id == OWNER.user_id else OTHER_USER

    async def request(self, number: int) -> None:
        self.uploads.append(await self.service.request((OWNER, OTHER_USER)[number % 2], content=CONTENT))

    async def put(self, number: int) -> None:
        await self.service.put_bytes(self._pick(number), CONTENT)

    async def put_something_else(self, number: int) -> None:
        await self.service.put_bytes(self._pick(number), CONTENT + b"!")

    async def notice(self, number: int) -> None:
        await self.service.use_cases.receive_upload(self._pick(number).key)

    async def name(self, number: int) -> None:
        upload = self._pick(number)
        await self.service.create(upload, self._owner(upload))

    async def rename(self, number: int) -> None:
        upload = await self.service.row(self._pick(number))
        await self.service.use_cases.change_record(self._owner(upload), upload.record_id, title="새 제목")

    async def process(self, _number: int) -> None:
        await self.service.use_cases.process_upload()

    async def process_with_trouble(self, number: int) -> None:
        self.service.converter.errors = [TROUBLES[number % len(TROUBLES)]]
        await self.service.use_cases.process_upload()

    async def process_and_die(self, _number: int) -> None:
        await self.service.persistence.leases.claim()

    async def cancel(self, number: int) -> None:
        upload = self._pick(number)
        await self.service.use_cases.cancel_upload(self._owner(upload), upload.id)

    async def delete(self, number: int) -> None:
        upload = await self.service.row(self._pick(number))
        await self.service.use_cases.delete_record(self._owner(upload), upload.record_id)

    async def retry(self, number: int) -> None:
        upload = await self.service.row(self._pick(number))
        await self.service.use_cases.retry_record(self._owner(upload), upload.record_id)

    async def sweep(self, _number: int) -> None:
        await self.service.use_cases.sweep()

    async def relay(self, _number: int) -> None:
        await self.service.use_cases.relay_events()

    async def wait(self, number: int) -> None:
        self.service.clock.advance(
            (timedelta(seconds=31), timedelta(minutes=11), timedelta(hours=2))[number % 3]
        )


STEPS = [name for name in vars(Life) if not name.startswith("_") and name != "step"]
CALLS = st.tuples(st.sampled_from(STEPS), st.integers(0, 11))


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(CALLS, min_size=1, max_size=5), min_size=1, max_size=25))
def test_invariants_hold_for_any_calls_in_any_order(rounds):
    """Run the calls of each round at once, and the rounds one after another."""

    async def live() -> None:
        async with a_memory_orak() as service:
            life = Life(service)
            await life.request(0)
            await life.request(1)
            for calls in rounds:
                await asyncio.gather(*(life.step(*call) for call in calls))
                service.converter.errors.clear()
            await settle(life)
            await check(life)

    asyncio.run(live())


async def settle(life: Life) -> None:
    """Advance the clock, sweep and process until nothing is left to do."""
    for _ in range(12):  # each quarter of an hour outlasts any back-off, and all together any expiry
        life.service.clock.advance(timedelta(minutes=15))
        await life.service.use_cases.sweep()
        while await life.service.use_cases.process_upload():
            pass
        await life.service.use_cases.relay_events()


async def check(life: Life) -> None:
    service = life.service
    stream: dict[int, list[LoggedEvent]] = defaultdict(list)
    for logged in await service.persistence.event_log.after(0, 10_000):
        stream[logged.upload_id].append(logged)
    keys = {stored.key async for stored in service.storage.list("")}
    for upload in life.uploads:
        row = await service.row(upload)
        events = stream[upload.id]
        # Its events have no gaps, follow the table of moves, and end in the state of the row.
        assert [logged.version for logged in events] == list(range(1, row.version + 1))
        assert (events[-1].event.status, events[-1].event.attempt) == (row.status, row.attempt)
        for earlier, later in pairwise(events):
            before, after = earlier.event.status, later.event.status
            assert after is before or after in MOVES[before]
            assert later.event.attempt >= earlier.event.attempt
        # An upload with a record has ended; none hangs.
        if row.record_id is not None:
            assert row.status in ENDED
        # Published objects exist once, and no others exist.
        published = {key for key in keys if key.startswith(f"published/{row.uuid}/")}
        expected = {row.output.audio_key, row.output.waveform_key} if row.status is S.COMPLETED else set()
        assert published == expected
    # Only verified bytes were ever converted.
    assert set(service.converter.converted) <= {CONTENT}
