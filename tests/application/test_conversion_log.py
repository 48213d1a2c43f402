"""One line of the log for each conversion: its outcome, its times, the request that it follows from."""

import asyncio
import json
import logging

import pytest

from memory_orak import LEASE, OWNER, a_memory_orak
from orak.application.origins import Following
from orak.application.ports.converter import ConversionBroke, DecoderDied, Unconvertible
from orak.application.ports.failures import Unavailable
from orak.domain.origin import Origin
from orak.domain.processing import FailureCode, Start
from orak.entrypoints.settings.logs import FIELDS, JsonFormatter
from processing import with_ports


@pytest.fixture
async def service():
    async with a_memory_orak() as service:
        yield service


@pytest.fixture
async def waiting(service):
    upload = await service.upload()
    with Following(Origin("the create call")):
        await service.create(upload)
    return upload


def conversions(caplog):
    """Return the fields of each line of a conversion, and its level."""
    return [
        (
            record.levelname,
            {name: value for name, value in vars(record).items() if name in FIELDS and value is not None},
        )
        for record in caplog.records
        if getattr(record, "event", None) == "conversion"
    ]


async def test_a_completed_conversion_logs_its_times(service, waiting, caplog):
    caplog.set_level(logging.INFO)
    service.clock.advance(LEASE / 10)
    await service.use_cases.process_upload(start=Start.BATCH)
    [(level, line)] = conversions(caplog)
    assert level == "INFO"
    durations = {name: line.pop(name) for name in ("downloadMs", "convertMs", "publishMs", "durationMs")}
    assert all(isinstance(value, int) and value >= 0 for value in durations.values())
    assert durations["durationMs"] >= durations["convertMs"]
    assert line == {
        "event": "conversion",
        "outcome": "completed",
        "userId": OWNER.user_id,
        "uploadId": waiting.id,
        "recordId": 1,
        "attempt": 1,
        "start": "batch",
        "queueMs": 3000,
        "mediaSeconds": 12.9,
    }


@pytest.mark.parametrize(
    ("error", "level", "said"),
    [
        (Unconvertible(FailureCode.CORRUPT), "INFO", {"outcome": "failed", "code": "CORRUPT"}),
        (Unavailable("S3 is away"), "WARNING", {"outcome": "released", "reason": "S3 is away"}),
        (DecoderDied(FailureCode.DECODER_CRASHED), "WARNING", {"outcome": "released"}),
        (ConversionBroke("no more room"), "WARNING", {"outcome": "released", "reason": "ConversionBroke"}),
    ],
)
async def test_an_attempt_that_does_not_complete_logs_why(service, waiting, caplog, error, level, said):
    caplog.set_level(logging.INFO)
    service.converter.errors = [error]
    await service.use_cases.process_upload()
    [(found, line)] = conversions(caplog)
    assert found == level
    assert line["uploadId"] == waiting.id
    assert said.items() <= line.items()
    assert "publishMs" not in line
    assert line["convertMs"] >= 0


@pytest.mark.usefixtures("waiting")
async def test_a_lost_lease_logs_one_line(service, caplog):
    class Slow:
        async def convert(self, order, progress):
            service.clock.advance(2 * LEASE)
            await service.use_cases.sweep()
            return await service.converter.convert(order, progress)

    caplog.set_level(logging.INFO)
    await with_ports(service.use_cases.process_upload, converter=Slow())()
    assert [(level, line["outcome"], line["attempt"]) for level, line in conversions(caplog)] == [
        ("WARNING", "lost", 1)
    ]


@pytest.mark.usefixtures("waiting")
async def test_a_conversion_that_is_cancelled_logs_that_it_was_released(service, caplog):
    class Endless:
        def __init__(self):
            self.begun = asyncio.Event()

        async def convert(self, _order, _progress):
            self.begun.set()
            await asyncio.Event().wait()

    caplog.set_level(logging.INFO)
    endless = Endless()
    working = asyncio.create_task(with_ports(service.use_cases.process_upload, converter=endless)())
    await endless.begun.wait()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert [(level, line["outcome"], line["reason"]) for level, line in conversions(caplog)] == [
        ("INFO", "released", "shutdown")
    ]


@pytest.mark.usefixtures("waiting")
async def test_every_line_of_a_conversion_has_the_request_id_of_the_create_call(service, caplog):
    lines = []

    class Handler(logging.Handler):
        def emit(self, record):
            lines.append(json.loads(JsonFormatter().format(record)))

    caplog.set_level(logging.INFO)
    handler = Handler()
    logging.getLogger("orak").addHandler(handler)
    try:
        service.converter.errors = [RuntimeError("a bug")]
        with Following(Origin("another call, which woke the worker")):
            await service.use_cases.process_upload()
    finally:
        logging.getLogger("orak").removeHandler(handler)
    assert [(line["event"], line["requestId"]) for line in lines] == [
        ("conversion_error", "the create call"),
        ("conversion", "the create call"),
    ]
