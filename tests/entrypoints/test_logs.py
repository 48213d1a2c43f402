"""The lines of the log, and how they are written: those of one turn of the event loop together, in order."""

import ast
import asyncio
import io
import json
import logging
import re
import sys
import threading
from pathlib import Path

import pytest

from orak.application.origins import Following
from orak.domain.origin import Origin
from orak.entrypoints.settings.logs import FIELDS, JsonFormatter, LoopTurnHandler, TextFormatter, resolved


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


def a_line(message="%d ended", *args, **extra):
    record = {"msg": message, "args": args or (7,), "name": "orak.x", "levelname": "INFO", "levelno": 20}
    return logging.makeLogRecord(record | extra)


FIELDS_OF_A_LINE = {"event": "conversion", "uploadId": 7, "outcome": "completed", "code": None}


def test_a_line_of_json_has_the_fields_of_its_call_and_nothing_that_a_library_adds():
    record = a_line(**FIELDS_OF_A_LINE, color_message="\x1b[1m", title="a secret song")
    line = json.loads(JsonFormatter().format(record))
    time = line.pop("time")
    assert time.endswith("Z")
    assert line == {
        "level": "INFO",
        "logger": "orak.x",
        "event": "conversion",
        "message": "7 ended",
        "uploadId": 7,
        "outcome": "completed",
    }


def test_a_line_has_the_ids_of_the_request_that_it_belongs_to():
    trace = "0af7651916cd43dd8448eb211c80319c"
    with Following(Origin("asked", f"00-{trace}-b7ad6b7169203331-01")):
        of_request = json.loads(JsonFormatter().format(a_line()))
        own = json.loads(JsonFormatter().format(a_line(requestId="its own")))
    assert (of_request["requestId"], of_request["traceId"]) == ("asked", trace)
    assert own["requestId"] == "its own"
    assert "requestId" not in json.loads(JsonFormatter().format(a_line()))


def test_a_line_of_text_shows_the_fields_that_its_message_does_not_say():
    record = a_line("%s waits", "relay", event="outage", part="relay", reason="no answer", retrySeconds=0.5)
    assert TextFormatter().format(record).endswith('  relay waits  reason="no answer" retrySeconds=0.5')


def test_an_error_has_its_trace_in_one_line_of_json():
    record = a_line()
    try:
        int("wrong")
    except ValueError:
        record.exc_info = sys.exc_info()
    written = JsonFormatter().format(record)
    assert "\n" not in written
    assert json.loads(written)["exception"].splitlines()[-1].startswith("ValueError: ")


def test_the_format_is_text_on_a_terminal_and_json_elsewhere(monkeypatch):
    assert resolved("text") == "text"
    assert resolved("json") == "json"
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert resolved("auto") == "text"
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    assert resolved("auto") == "json"


ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs/guides/logs.md"


def lines_in_code():
    """Yield the fields of each line that the code writes: dictionaries with an `event`."""
    for file in (ROOT / "src/orak").rglob("*.py"):
        if file.name == "logs.py":  # the formatter itself
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Dict):
                fields = {
                    key.value: value
                    for key, value in zip(node.keys, node.values, strict=True)
                    if isinstance(key, ast.Constant)
                }
                if "event" in fields:
                    yield file, fields


def test_the_guide_describes_every_field_and_every_event():
    guide = GUIDE.read_text()
    described = set(re.findall(r"`(\w+)`", guide))
    lines = list(lines_in_code())
    assert len(lines) > 30
    for file, fields in lines:
        assert fields.keys() <= FIELDS, file
        if isinstance(fields["event"], ast.Constant):
            assert fields["event"].value in described, file
    assert FIELDS - {"event"} <= described
