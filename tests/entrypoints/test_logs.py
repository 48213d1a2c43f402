"""The log writes the lines of one turn of the event loop together, in order, and loses none."""

import asyncio
import io
import logging
import threading

import pytest

from orak.entrypoints.settings.logs import LoopTurnHandler, TextFormatter


class Stream(io.StringIO):
    """A stream that remembers each write."""

    def __init__(self):
        super().__init__()
        self.writes = []

    def write(self, text):
        self.writes.append(text)
        return super().write(text)


@pytest.fixture
def stream():
    return Stream()


@pytest.fixture
def log(stream):
    log = logging.Logger("test")  # noqa: LOG001 - a logger that no other test shares
    log.addHandler(LoopTurnHandler(stream))
    return log


async def test_the_lines_of_one_turn_are_one_write(log, stream):
    for number in range(3):
        log.info("line %d", number)
    assert stream.writes == []
    await asyncio.sleep(0)
    assert stream.writes == ["line 0\nline 1\nline 2\n"]
    log.info("line 3")
    await asyncio.sleep(0)
    assert stream.writes[1:] == ["line 3\n"]


async def test_a_warning_is_written_at_once_behind_the_lines_before_it(log, stream):
    log.info("first")
    log.warning("second")
    assert stream.writes == ["first\nsecond\n"]


def test_outside_an_event_loop_every_line_is_written_at_once(log, stream):
    log.info("first")
    log.info("second")
    assert stream.writes == ["first\n", "second\n"]


async def test_a_thread_writes_at_once(log, stream):
    thread = threading.Thread(target=log.info, args=("from a thread",))
    thread.start()
    thread.join()
    assert stream.writes == ["from a thread\n"]


def test_lines_of_a_loop_that_ended_are_written_at_the_end_of_the_process(log, stream):
    async def last_turn():
        log.info("last")

    loop = asyncio.new_event_loop()
    loop.run_until_complete(last_turn())
    loop.close()
    log.handlers[0].flush()  # what logging.shutdown does
    assert stream.getvalue() == "last\n"


def test_a_second_loop_writes_what_the_first_one_left(log, stream):
    async def turn(line):
        log.info(line)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(turn("first"))
    loop.close()

    async def two_turns():
        await turn("second")
        await asyncio.sleep(0)

    asyncio.run(two_turns())
    assert stream.getvalue() == "first\nsecond\n"


async def test_a_line_that_cannot_be_formatted_breaks_neither_its_caller_nor_the_others(log, stream, capsys):
    log.info("%d", "no number")
    log.info("next")
    await asyncio.sleep(0)
    assert stream.getvalue() == "next\n"
    assert "no number" in capsys.readouterr().err


async def test_a_closed_stream_breaks_no_caller(log, stream):
    log.info("lost")
    stream.close()
    await asyncio.sleep(0)
    log.warning("lost too")


def test_a_line_of_text_has_the_time_to_the_millisecond():
    ours = TextFormatter()
    standard = logging.Formatter("%(asctime)s %(levelname)-7s %(name)s  %(message)s")
    for created in (
        1_700_000_000.0,
        1_700_000_000.25,
        1_700_000_000.9996,
        1_700_000_001.5,
        1_600_000_000.042,
    ):
        record = logging.makeLogRecord({"msg": "hello", "name": "orak", "levelname": "INFO"})
        record.created, record.msecs = created, (created % 1) * 1000
        assert ours.format(record) == standard.format(record)
