"""Live events of the caller's records, and waiting where there is no stream."""

import os
import threading
import wave
from contextlib import closing
from itertools import islice

import httpx
import pytest

from orak.client import OrakApiError, OrakClient, Unreachable, UnreadableAnswer, live_events
from scripted_api import RECORD


def a_stream(*events: str) -> httpx.Response:
    return httpx.Response(200, text="retry: 2000\nid: 5\n\n:\n\n" + "".join(events))


def a_change(event_id: int, status: str = "PROCESSING", record_id: int = 1) -> str:
    return f"id: {event_id}\ndata: {step(event_id, status, 0, record_id)}\n\n"


def a_tick(event_id: int, progress: int, record_id: int = 1) -> str:
    return f"data: {step(event_id, 'PROCESSING', progress, record_id)}\n\n"


def step(event_id, status, progress, record_id):
    return (
        f'{{"eventId":{event_id},"recordId":{record_id},"uploadId":1,"processingStatus":"{status}",'
        f'"progress":{progress},"at":"2024-01-01T12:00:00Z","aFutureField":1}}'
    )


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    """Reconnect at once: these tests are not about the length of pauses."""
    close = live_events.ResumableStream.close
    monkeypatch.setattr(live_events.ResumableStream, "close", lambda self, parser: close(self, parser) * 0)


def test_events_of_an_upload_end_with_completed_and_can_be_read_again(orak, recording):
    with closing(orak.events(after=0)) as events:
        record = orak.upload(recording, "followed")
        mine = []
        for event in events:
            if event.record_id == record.id:
                mine.append(event)
            if mine and mine[-1].processing_status != "PROCESSING":
                break
    changes = [event for event in mine if event.is_change]
    assert mine[-1].processing_status == "COMPLETED"
    assert [event.event_id for event in changes] == sorted({event.event_id for event in changes})
    with closing(orak.events(after=changes[0].event_id)) as events:
        again = list(islice(events, len(changes) - 1))
    assert again == changes[1:]


def test_a_wait_reports_progress_from_the_stream(orak, tmp_path):
    seen = []
    with wave.open(str(tmp_path / "long.wav"), "wb") as long:
        long.setparams((1, 2, 44_100, 0, "NONE", ""))
        long.writeframes(os.urandom(2 * 44_100 * 120))
    record = orak.upload(tmp_path / "long.wav", "watched", wait=60, on_record=seen.append)
    assert record.processing_status == "COMPLETED"
    assert seen[-1] == record
    assert {one.progress for one in seen} - {0, 100}, "progress reports came in between"


def test_a_lost_stream_resumes_after_its_last_event(scripted):
    orak, api = scripted(
        a_stream(a_change(6), a_tick(6, 40)),
        httpx.ReadError("cut off"),
        503,
        a_stream(a_change(7, "COMPLETED")),
    )
    with closing(orak.events()) as events:
        first, tick, last = islice(events, 3)
    assert (first.event_id, first.is_change) == (6, True)
    assert (tick.event_id, tick.progress, tick.is_change) == (6, 40, False)
    assert (last.event_id, last.processing_status) == (7, "COMPLETED")
    last_event_ids = [request.headers.get("last-event-id") for request in api.requests]
    assert last_event_ids == [None, "6", "6", "6"]


def test_a_refused_stream_raises_the_error(scripted):
    orak, _ = scripted(
        httpx.Response(401, json={"error": {"code": "UNAUTHORIZED", "message": "no"}}),
    )
    with pytest.raises(OrakApiError), closing(orak.events()) as events:
        next(events)


def test_events_give_up_when_the_server_stays_unreachable(scripted, monkeypatch):
    monkeypatch.setattr(live_events, "_MAX_OUTAGE", -1)  # any outage is too long
    orak, _ = scripted(httpx.ConnectError("refused"))
    with pytest.raises(Unreachable), closing(orak.events()) as events:
        next(events)


def test_a_stream_from_another_server_raises_unreadable_answer(scripted):
    orak, _ = scripted(a_stream("data: <html>\n\n"))
    with pytest.raises(UnreadableAnswer), closing(orak.events()) as events:
        next(events)


@pytest.mark.parametrize("stream", ["missing", "cut off", "not from orak"])
def test_a_wait_without_a_usable_stream_polls(scripted, stream):
    done = httpx.Response(200, json=RECORD | {"processingStatus": "COMPLETED"})
    # The client reads the record when a stream begins, before it finds out that the stream is not from orak.
    answers = [httpx.Response(200, json=RECORD)] if stream == "not from orak" else []
    first = {"missing": 404, "cut off": httpx.ReadError("cut off")}.get(stream)
    orak, api = scripted(first or a_stream("data: x\n\n"), *answers, done)
    assert orak.wait(1).processing_status == "COMPLETED"
    assert [request.url.path for request in api.requests] == [
        "/records/async/events",
        *["/records/async/1"] * (len(answers) + 1),
    ]


def test_a_wait_reads_the_record_after_its_own_changes_only(scripted):
    seen = []
    orak, api = scripted(
        a_stream(a_tick(5, 40), a_change(6, "COMPLETED", record_id=2), a_change(7, "COMPLETED")),
        httpx.Response(200, json=RECORD),
        httpx.Response(200, json=RECORD | {"processingStatus": "COMPLETED", "progress": 100}),
    )
    record = orak.wait(1, on_progress=seen.append)
    assert record.processing_status == "COMPLETED"
    assert [one.progress for one in seen] == [0, 40, 100]
    assert len(api.requests) == 3


def test_a_short_wait_polls_without_a_stream(scripted):
    orak, api = scripted(httpx.Response(200, json=RECORD | {"processingStatus": "COMPLETED"}))
    orak.wait(1, timeout=5)
    assert [request.url.path for request in api.requests] == ["/records/async/1"]


def test_one_thread_reads_events_while_another_makes_calls(server, token_of):
    with OrakClient(server.base_url, token_of(3)) as orak:
        events = orak.events()
        seen = []
        thread = threading.Thread(target=lambda: seen.append(next(events)), daemon=True)
        thread.start()
        orak.create("seen", orak.presign("never.webm", 3).upload_id, wait=0)
        while thread.is_alive():
            orak.create("seen", orak.presign("never.webm", 3).upload_id, wait=0)
            thread.join(0.2)
        assert seen[0].processing_status == "PROCESSING"
        events.close()
