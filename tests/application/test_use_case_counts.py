"""The counts agree with what happened to uploads, conversions and events."""

import asyncio
import logging
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from measured import measured
from memory_orak import LEASE, OWNER, a_memory_orak
from orak.application.ports.converter import DecoderDied, Unconvertible
from orak.application.ports.failures import Unavailable
from orak.application.ports.idempotency_keys import IdempotencyKey
from orak.application.records.create_record import NewRecord
from orak.domain.actor import Actor
from orak.domain.identity import UserId
from orak.domain.processing import FailureCode, ProcessingStatus, Start
from processing import with_ports

OPERATOR = Actor(UserId(9), frozenset({"admin"}))


@pytest.fixture
async def service():
    async with a_memory_orak() as service:
        yield service


@pytest.fixture
async def waiting(service):
    upload = await service.upload()
    await service.create(upload)
    return upload


def counted(service, *names):
    """Return what is not 0 of the metrics with these names."""
    return {key: value for key, value in measured(service.measurements).items() if key[0] in names and value}


def uploads(service):
    return {key[1]: value for key, value in counted(service, "s3_uploads_total").items()}


def starts(service):
    return {key[1]: value for key, value in counted(service, "orak_immediate_starts_total").items()}


def conversions(service):
    return {key[1:]: value for key, value in counted(service, "orak_conversions_total").items()}


async def test_an_upload_that_arrives_is_counted_once_however_often_it_is_reported(service):
    upload = await service.upload()
    await service.use_cases.receive_upload(upload.key)
    await service.create(upload)
    assert uploads(service) == {"arrived": 1}


async def test_an_upload_that_the_create_call_finds_is_counted(service):
    upload = await service.request()
    await service.put_bytes(upload)
    await service.create(upload)
    assert uploads(service) == {"arrived": 1}


async def test_an_upload_of_the_wrong_size_failed(service):
    upload = await service.request()
    await service.put_bytes(upload, b"too many")
    await service.create(upload)
    assert uploads(service) == {"failed": 1}


async def test_only_an_upload_whose_record_waits_fails_by_not_coming(service):
    await service.request()
    await service.create(await service.request())
    service.clock.advance(timedelta(hours=2))
    assert (await service.use_cases.sweep()).expired == 2
    assert uploads(service) == {"failed": 1}


async def test_an_upload_that_gets_its_record_after_it_expired_failed_until_it_arrives(service):
    upload = await service.request()
    service.clock.advance(timedelta(hours=2))
    await service.use_cases.sweep()
    assert uploads(service) == {}
    await service.create(upload)
    assert uploads(service) == {"failed": 1}
    await service.put_bytes(upload)
    await service.use_cases.receive_upload(upload.key)
    assert uploads(service) == {"failed": 1, "late": 1}


async def test_a_late_upload_of_the_wrong_size_failed_only_once(service):
    upload = await service.request()
    await service.create(upload)
    service.clock.advance(timedelta(hours=2))
    await service.use_cases.sweep()
    await service.put_bytes(upload, b"too many")
    await service.use_cases.receive_upload(upload.key)
    assert (await service.row(upload)).status is ProcessingStatus.FAILED
    assert uploads(service) == {"failed": 1}


@pytest.mark.parametrize("key", [None, IdempotencyKey(OWNER.user_id, "POST /records/async", "once", "body")])
@pytest.mark.parametrize("content", [b"abc", b"too many"])
async def test_an_arrival_counts_although_the_answer_of_the_create_call_s_database_was_lost(
    service, key, content
):
    class Intake:
        lost = 1

        async def find(self, wanted):
            return await service.persistence.record_intake.find(wanted)

        async def add(self, creation):
            made = await service.persistence.record_intake.add(creation)
            self.lost -= 1
            if self.lost >= 0:
                raise Unavailable("the answer was lost")
            return made

    upload = await service.request()
    await service.put_bytes(upload, content)
    create = replace(service.use_cases.create_record, intake=Intake())
    await create(OWNER, NewRecord("once", upload.id), idempotency_key=key)
    assert uploads(service) == {"arrived" if content == b"abc" else "failed": 1}


async def test_an_arrival_counts_although_the_answer_of_the_verifying_database_was_lost(service):
    upload = await service.request()
    await service.put_bytes(upload)
    receive = service.use_cases.receive_upload
    database = BreakingDatabase(service, loses_first_answer)
    await replace(receive, verify=replace(receive.verify, transaction=database))(upload.key)
    assert (await service.row(upload)).status is ProcessingStatus.UPLOADED
    assert uploads(service) == {"arrived": 1}


async def test_a_create_call_without_slots_looks_for_none(service):
    class Waits:
        runs_here = False
        found_no_slot = False

    class Starter:
        async def start(self, _upload_id):
            return Waits()

    service.use_cases = replace(
        service.use_cases, create_record=replace(service.use_cases.create_record, starter=Starter())
    )
    await service.create(await service.upload())
    assert starts(service) == {}


async def test_a_create_call_counts_whether_it_started_the_conversion(service):
    await service.create(await service.request())
    assert starts(service) == {"not_arrived": 1}
    await service.create(await service.upload())
    assert starts(service) == {"not_arrived": 1, "no_slot": 1}

    class Running:
        runs_here = True

        async def wait(self, seconds):
            pass

    class Starter:
        async def start(self, _upload_id):
            return Running()

    upload = await service.upload()
    service.use_cases = replace(
        service.use_cases, create_record=replace(service.use_cases.create_record, starter=Starter())
    )
    await service.create(upload)
    assert starts(service) == {"not_arrived": 1, "no_slot": 1, "started": 1}


@pytest.mark.usefixtures("waiting")
async def test_a_completed_conversion_is_counted_with_its_times_and_its_media(service):
    service.clock.advance(timedelta(seconds=40))
    await service.use_cases.process_upload(start=Start.BATCH)
    assert conversions(service) == {("completed", "none", "batch"): 1}
    shown = measured(service.measurements)
    assert shown["orak_conversion_queue_seconds_sum", "batch"] == 40
    assert shown["orak_conversion_queue_seconds_count", "batch"] == 1
    assert shown["orak_conversion_seconds_count", "aac-128"] == 1
    assert shown["orak_conversion_media_seconds_total",] == pytest.approx(12.9)


async def test_a_conversion_that_fails_is_counted_by_its_code(service, waiting):
    service.converter.errors = [Unconvertible(FailureCode.CORRUPT)]
    await service.use_cases.process_upload(waiting.id, start=Start.IMMEDIATE)
    assert conversions(service) == {("failed", "CORRUPT", "immediate"): 1}
    assert not counted(service, "orak_conversion_seconds_count", "orak_conversion_media_seconds_total")


@pytest.mark.usefixtures("waiting")
async def test_an_attempt_that_may_be_repeated_is_released_and_the_last_one_fails(service):
    service.converter.errors = [Unavailable("away"), *[DecoderDied(FailureCode.RESOURCE_LIMIT)] * 2]
    for _ in range(3):
        await service.use_cases.process_upload()
        service.clock.advance(timedelta(minutes=10))
    assert conversions(service) == {
        ("released", "none", "wakeup"): 2,
        ("failed", "RESOURCE_LIMIT", "wakeup"): 1,
    }


async def test_the_time_in_line_does_not_include_the_back_off(service, waiting):
    service.converter.errors = [DecoderDied(FailureCode.RESOURCE_LIMIT)]
    await service.use_cases.process_upload()
    row = await service.row(waiting)
    service.clock.advance(row.not_before - service.clock.now() + timedelta(seconds=3))
    await service.use_cases.process_upload()
    assert measured(service.measurements)["orak_conversion_queue_seconds_sum", "wakeup"] == 3


@pytest.mark.usefixtures("waiting")
async def test_a_conversion_that_shutdown_stops_is_released(service):
    class Endless:
        begun = asyncio.Event()

        async def convert(self, _order, _progress):
            self.begun.set()
            await asyncio.Event().wait()

    work = asyncio.create_task(with_ports(service.use_cases.process_upload, converter=Endless())())
    await Endless.begun.wait()
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work
    assert conversions(service) == {("released", "none", "wakeup"): 1}


class BreakingDatabase:
    """The database, until something happens to it after its next commit, or away throughout."""

    def __init__(self, service, after_commit=None, *, is_away=False):
        self.service, self.after_commit, self.is_away = service, after_commit, is_away

    @asynccontextmanager
    async def __call__(self):
        if self.is_away:
            raise Unavailable("the database is away")
        async with self.service.persistence.transaction() as tx:
            yield tx
        if self.after_commit is not None:
            after, self.after_commit = self.after_commit, None
            after()
            await asyncio.sleep(0)


def loses_first_answer():
    raise Unavailable("the answer was lost")


def outcomes_in(caplog):
    return [r.outcome for r in caplog.records if getattr(r, "event", None) == "conversion"]


async def test_a_conversion_that_is_cancelled_after_its_commit_completed(service, waiting, caplog):
    caplog.set_level(logging.INFO)
    database = BreakingDatabase(service, lambda: asyncio.current_task().cancel())
    process = with_ports(service.use_cases.process_upload, transaction=database)
    work = asyncio.create_task(process())
    with pytest.raises(asyncio.CancelledError):
        await work
    assert (await service.row(waiting)).status is ProcessingStatus.COMPLETED
    assert conversions(service) == {("completed", "none", "wakeup"): 1}
    assert outcomes_in(caplog) == ["completed"]


@pytest.mark.parametrize(
    ("error", "outcome", "code"),
    [
        (None, "completed", "none"),
        (Unconvertible(FailureCode.CORRUPT), "failed", "CORRUPT"),
        (DecoderDied(FailureCode.RESOURCE_LIMIT), "released", "none"),
    ],
)
@pytest.mark.usefixtures("waiting")
async def test_an_outcome_whose_answer_was_lost_counts_as_it_is_in_the_row(
    service, caplog, error, outcome, code
):
    caplog.set_level(logging.INFO)
    service.converter.errors = [error] if error else []
    database = BreakingDatabase(service, loses_first_answer)
    await with_ports(service.use_cases.process_upload, transaction=database)()
    assert conversions(service) == {(outcome, code, "wakeup"): 1}
    assert outcomes_in(caplog) == [outcome]


@pytest.mark.usefixtures("waiting")
async def test_a_conversion_whose_outcome_the_database_does_not_take_is_unsettled(service, caplog):
    process = with_ports(
        service.use_cases.process_upload, transaction=BreakingDatabase(service, is_away=True)
    )
    with pytest.raises(Unavailable):
        await process()
    assert conversions(service) == {("unsettled", "none", "wakeup"): 1}
    assert outcomes_in(caplog) == ["unsettled"]


@pytest.mark.usefixtures("waiting")
async def test_a_conversion_that_shutdown_cannot_release_is_unsettled(service, caplog):
    class Endless:
        begun = asyncio.Event()

        async def convert(self, _order, _progress):
            self.begun.set()
            await asyncio.Event().wait()

    database = BreakingDatabase(service, is_away=True)
    work = asyncio.create_task(
        with_ports(service.use_cases.process_upload, converter=Endless(), transaction=database)()
    )
    await Endless.begun.wait()
    work.cancel()
    with pytest.raises(Unavailable):
        await work
    assert conversions(service) == {("unsettled", "none", "wakeup"): 1}
    assert outcomes_in(caplog) == ["unsettled"]


@pytest.mark.usefixtures("waiting")
async def test_an_attempt_that_lost_its_lease_is_counted_and_so_is_the_lease(service):
    class Frozen:
        async def convert(self, order, progress):
            service.clock.advance(LEASE * 2)
            assert (await service.use_cases.sweep()).leases_lost == 1
            return await service.converter.convert(order, progress)

    await with_ports(service.use_cases.process_upload, converter=Frozen())()
    assert conversions(service) == {("lost", "none", "wakeup"): 1}
    assert counted(service, "orak_leases_lost_total") == {("orak_leases_lost_total",): 1}


async def test_the_age_of_events_is_measured_when_a_subscriber_has_handled_them(service, waiting):
    service.clock.advance(timedelta(seconds=7))
    await service.use_cases.delete_record(OWNER, (await service.row(waiting)).record_id)
    service.clock.advance(timedelta(seconds=5))
    await service.use_cases.relay_events()
    service.clock.advance(LEASE * 3)
    await service.use_cases.relay_events()
    shown = counted(service, "orak_event_relay_seconds_count", "orak_event_relay_seconds_sum")
    assert {key[1] for key in shown} == {"delete-objects"}
    assert shown["orak_event_relay_seconds_count", "delete-objects"] >= 1
    assert shown["orak_event_relay_seconds_sum", "delete-objects"] >= 5


async def test_deliveries_to_webhooks_are_counted_by_outcome_and_all_endpoints_are_one_reader(service):
    await service.use_cases.add_webhook(OPERATOR, "https://one.example/orak")
    await service.use_cases.add_webhook(OPERATOR, "https://two.example/orak")
    service.poster.answers["https://two.example/orak"] = 500
    await service.request()
    await service.use_cases.deliver_webhooks()
    await service.use_cases.deliver_webhooks.settled()
    deliveries = counted(service, "orak_webhook_deliveries_total")
    assert {key[1]: value for key, value in deliveries.items()} == {"delivered": 1, "failed": 1}
    assert counted(service, "orak_event_relay_seconds_count") == {
        ("orak_event_relay_seconds_count", "webhooks"): 1
    }
