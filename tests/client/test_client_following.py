"""Following one's own records live, and doing without where there is no stream."""

import os
import threading
import wave
from contextlib import closing
from itertools import islice

import httpx
import pytest
from test_client_on_the_wire import RECORD, Wire

from orak.client import OrakApiError, OrakClient, Unreachable, UnreadableAnswer, following


def a_stream(*events: str) -> httpx.Response:
    return httpx.Response(200, text="retry: 2000\nid: 5\n\n:\n\n" + "".join(events))


def a_change(event_id: int, status: str = "PROCESSING", record_id: int = 1) -> str:
    return f"id: {event_id}\ndata: {step(event_id, status, 0, record_id)}\n\n"


def a_tick(event_id: int, progress: int, record_id: int = 1) -> str:
    return f"data: {step(event_id, 'PROCESSING', progress, record_id)}\n\n"


def step(event_id, status, progress, record_id):
    return (
        f'{{"eventId":{event_id},"recordId":{record_id},"uploadId":1,"processingStatus":"{status}",'
        f'"progress":{progress},"at":"2024-01-01T12:00:00Z","aFieldOfTomorrow":1}}'
    )


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    """Pauses between streams are the clients' matter, not these tests'."""
    end = following.Following.end
    monkeypatch.setattr(following.Following, "end", lambda self, lines: end(self, lines) * 0)


@pytest.fixture
def speaking(client_of):
    def speaking(*answers):
        wire = Wire(*answers)
        client = client_of("http://orak.test", "token", transport=httpx.MockTransport(wire))
        return client, wire

    return speaking


def test_a_take_is_followed_from_its_name_to_its_end(orak, take):
    with closing(orak.events(after=0)) as events:
        record = orak.upload(take, "followed")
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


def test_waiting_goes_live_and_shows_progress(orak, tmp_path):
    seen = []
    with wave.open(str(tmp_path / "long.wav"), "wb") as long:
        long.setparams((1, 2, 44_100, 0, "NONE", ""))
        long.writeframes(os.urandom(2 * 44_100 * 120))
    record = orak.upload(tmp_path / "long.wav", "watched", wait=60, on_record=seen.append)
    assert record.processing_status == "COMPLETED"
    assert seen[-1] == record
    assert {one.progress for one in seen} - {0, 100}, "ticks came in between"


def test_a_lost_stream_goes_on_where_it_ended(speaking):
    orak, wire = speaking(
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
    asked = [request.headers.get("last-event-id") for request in wire.requests]
    assert asked == [None, "6", "6", "6"]


def test_a_refused_follower_is_told(speaking):
    orak, _ = speaking(
        httpx.Response(401, json={"error": {"code": "UNAUTHORIZED", "message": "no"}}),
    )
    with pytest.raises(OrakApiError), closing(orak.events()) as events:
        next(events)


def test_a_server_that_stays_away_is_given_up(speaking, monkeypatch):
    monkeypatch.setattr(following, "_PATIENCE", -1)
    orak, _ = speaking(httpx.ConnectError("nobody"))
    with pytest.raises(Unreachable), closing(orak.events()) as events:
        next(events)


def test_a_stream_of_something_else_is_told(speaking):
    orak, _ = speaking(a_stream("data: <html>\n\n"))
    with pytest.raises(UnreadableAnswer), closing(orak.events()) as events:
        next(events)


@pytest.mark.parametrize("streamless", ["none", "cut off", "of something else"])
def test_waiting_does_without_a_stream(speaking, streamless):
    done = httpx.Response(200, json=RECORD | {"processingStatus": "COMPLETED"})
    # The first block of a stream is reason enough to look at the record.
    answers = [httpx.Response(200, json=RECORD)] if streamless == "of something else" else []
    first = {"none": 404, "cut off": httpx.ReadError("cut off")}.get(streamless)
    orak, wire = speaking(first or a_stream("data: x\n\n"), *answers, done)
    assert orak.wait(1).processing_status == "COMPLETED"
    assert [request.url.path for request in wire.requests] == [
        "/records/async/events",
        *["/records/async/1"] * (len(answers) + 1),
    ]


def test_waiting_looks_at_the_record_when_it_changes_and_not_at_ticks_or_others(speaking):
    seen = []
    orak, wire = speaking(
        a_stream(a_tick(5, 40), a_change(6, "COMPLETED", record_id=2), a_change(7, "COMPLETED")),
        httpx.Response(200, json=RECORD),
        httpx.Response(200, json=RECORD | {"processingStatus": "COMPLETED", "progress": 100}),
    )
    record = orak.wait(1, on_progress=seen.append)
    assert record.processing_status == "COMPLETED"
    assert [one.progress for one in seen] == [0, 40, 100]
    assert len(wire.requests) == 3


def test_a_short_wait_asks_instead(speaking):
    orak, wire = speaking(httpx.Response(200, json=RECORD | {"processingStatus": "COMPLETED"}))
    orak.wait(1, timeout=5)
    assert [request.url.path for request in wire.requests] == ["/records/async/1"]


def test_threads_may_follow_while_others_call(server, token_of):
    with OrakClient(server.base_url, token_of(3)) as orak:
        events = orak.events()
        heard = []
        thread = threading.Thread(target=lambda: heard.append(next(events)), daemon=True)
        thread.start()
        orak.create("heard", orak.presign("never.webm", 3).upload_id, wait=0)
        while thread.is_alive():
            orak.create("heard", orak.presign("never.webm", 3).upload_id, wait=0)
            thread.join(0.2)
        assert heard[0].processing_status == "PROCESSING"
        events.close()
