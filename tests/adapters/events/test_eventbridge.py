import json
from collections import Counter
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from aiohttp import web

from builders import START, a_logged_event
from memory_orak import SelfAdvancingClock
from orak.adapters.aws.clients import AwsConfig
from orak.adapters.events.entries import MAX_BYTES, entry_of, size_of
from orak.adapters.events.eventbridge import EventBridge
from orak.application.ports.failures import Unavailable
from orak.application.subscribers.publish_events import PublishEvents
from orak.domain.events import EventType
from orak.domain.identity import RecordId
from orak.domain.processing import FailureCode, ProcessingStatus


class ScriptedEvents:
    """An EventBridge that rejects chosen events and records those it accepts."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.accepted: list[tuple[int, int]] = []
        self.rejections: Counter[tuple[int, int]] = Counter()
        """How often to reject the event with this upload and version."""
        self.calls_before_outage = 10**9
        self.place = AwsConfig()

    async def put_events(self, request: web.Request) -> web.Response:
        if len(self.calls) >= self.calls_before_outage:
            return web.json_response({"__type": "AccessDeniedException"}, status=400)
        entries = (await request.json())["Entries"]
        assert len(entries) <= 10
        assert sum(map(size_of, entries)) <= MAX_BYTES
        details = [json.loads(entry["Detail"]) for entry in entries]
        events = [(detail["uploadId"], detail["version"]) for detail in details]
        self.calls.append(events)
        results = []
        for event in events:
            if self.rejections[event]:
                self.rejections[event] -= 1
                results.append({"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"})
            else:
                self.accepted.append(event)
                results.append({"EventId": "11710aed-b79e-4468-a20b-bb3c0c3b4860"})
        failed = sum("ErrorCode" in result for result in results)
        return web.json_response({"FailedEntryCount": failed, "Entries": results})


@asynccontextmanager
async def scripted():
    events, app = ScriptedEvents(), web.Application()
    app.router.add_post("/", events.put_events)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    events.place = AwsConfig("eu-west-1", f"http://127.0.0.1:{port}", "key", "secret")
    try:
        async with EventBridge.open(events.place, "bus", SelfAdvancingClock()) as bus:
            yield events, bus
    finally:
        await runner.cleanup()


KEY = "recordings/0c0f4a1e-6c7b-4f6e-9d5f-2f0b7b1f0a11"


def test_an_eventbridge_entry_matches_the_contract_byte_for_byte():
    event = a_logged_event(
        3,
        7,
        EventType.PROCESSING_FAILED,
        position=41,
        status=ProcessingStatus.FAILED,
        attempt=2,
        record_id=RecordId(5),
        failure=FailureCode.CORRUPT,
    )
    assert entry_of(event, "orak-processing-bus") == {
        "EventBusName": "orak-processing-bus",
        "Source": "orak.recordings",
        "DetailType": "ProcessingFailed",
        "Time": START,
        "Detail": '{"eventId":1041,"uploadId":3,"recordId":5,"userId":7,"key":"' + KEY + '",'
        '"status":"FAILED","attempt":2,"version":7,"position":41,"failure":"CORRUPT",'
        '"at":"2024-01-01T12:00:00Z"}',
    }


def test_missing_values_are_null_and_the_size_counts_bytes():
    entry = entry_of(a_logged_event(position=1, key="노래"), "bus")
    detail = json.loads(entry["Detail"])
    assert (detail["recordId"], detail["failure"]) == (None, None)
    assert len("노래".encode()) == len("노래") + 4
    assert size_of(entry) == 14 + len("orak.recordings") + len("UploadReceived") + len(entry["Detail"]) + 4


async def test_a_call_has_at_most_ten_entries_and_one_event_per_upload():
    page = [a_logged_event(upload, version) for version in (1, 2) for upload in range(1, 13)]
    async with scripted() as (events, bus):
        assert await bus.publish(page) == frozenset()
    assert len(events.calls[0]) == 10
    assert len(events.calls) <= 4  # two events each of 12 uploads: 10, 10, 2 and 2
    for call in events.calls:
        assert len({upload for upload, _ in call}) == len(call)
    for upload in range(1, 13):
        assert [version for one, version in events.accepted if one == upload] == [1, 2]


async def test_only_rejected_entries_are_sent_again():
    async with scripted() as (events, bus):
        events.rejections[2, 1] = 1
        assert await bus.publish([a_logged_event(1), a_logged_event(2), a_logged_event(3)]) == frozenset()
    assert events.calls == [[(1, 1), (2, 1), (3, 1)], [(2, 1)]]


async def test_an_event_that_stays_rejected_holds_back_its_upload_only():
    page = [
        a_logged_event(1, 1),
        a_logged_event(2, 1),
        a_logged_event(1, 2),
        a_logged_event(2, 2),
        a_logged_event(1, 3),
    ]
    async with scripted() as (events, bus):
        events.rejections[1, 1] = 99
        rejected = await bus.publish(page)
        assert rejected == {page[place].position for place in (0, 2, 4)}
        assert events.accepted == [(2, 1), (2, 2)]
        assert events.calls.count([(1, 1)]) == 2

        events.rejections.clear()
        reading = await PublishEvents(bus).read([event for event in page if event.position in rejected])
        assert reading.failed == frozenset()
        assert events.accepted[2:] == [(1, 1), (1, 2), (1, 3)]


async def test_a_call_stays_within_the_size_limit():
    # Keys this long cannot occur on S3 (1,024 bytes); the limit of AWS cannot be lowered for a test.
    page = [a_logged_event(upload, key="recordings/" + "x" * 100_000) for upload in range(1, 6)]
    async with scripted() as (events, bus):
        assert await bus.publish(page) == frozenset()
    assert [len(call) for call in events.calls] == [2, 2, 1]


async def test_an_event_too_large_for_eventbridge_is_skipped_and_logged(caplog):
    page = [a_logged_event(1, 1, key="x" * (MAX_BYTES + 1)), a_logged_event(1, 2)]
    async with scripted() as (events, bus):
        assert await bus.publish(page) == frozenset()
    assert events.accepted == [(1, 2)]
    assert "too large" in caplog.text


async def test_a_bus_that_rejects_every_event_raises_unavailable():
    async with scripted() as (events, bus):
        events.calls_before_outage = 0
        with pytest.raises(Unavailable, match=r"EventBridge answered 400 \(AccessDeniedException\)"):
            await bus.publish([a_logged_event()])
    with pytest.raises(Unavailable, match="does not answer"):
        async with EventBridge.open(events.place, "bus", SelfAdvancingClock()) as closed:
            await closed.publish([a_logged_event()])


async def test_events_accepted_before_an_outage_are_not_sent_again():
    page = [a_logged_event(upload) for upload in range(1, 16)]
    async with scripted() as (events, bus):
        events.calls_before_outage = 1
        assert await bus.publish(page) == {event.position for event in page[10:]}


async def test_a_rule_delivers_the_events_to_a_queue(aws_server):
    events, queue = aws_server.client("events"), aws_server.new_queue()
    events.create_event_bus(Name="events")
    events.put_rule(Name="r", EventBusName="events", EventPattern='{"detail-type": ["UploadReceived"]}')
    events.put_targets(Rule="r", EventBusName="events", Targets=[{"Id": "q", "Arn": aws_server.arn(queue)}])
    async with EventBridge.open(aws_server.config, "events", SelfAdvancingClock()) as bus:
        await bus.check()
        page = [
            a_logged_event(1, 1, EventType.UPLOAD_REQUESTED),
            *(a_logged_event(upload) for upload in range(1, 31)),
        ]
        assert await bus.publish(page) == frozenset()
    received = [json.loads(body) for body in aws_server.messages(queue)]
    assert {event["source"] for event in received} == {"orak.recordings"}
    assert sorted(event["detail"]["uploadId"] for event in received) == list(range(1, 31))
    assert received[0]["detail"]["key"] == KEY


async def test_a_missing_bus_raises_unavailable(aws_server):
    async with EventBridge.open(aws_server.config, "no-such-bus", SelfAdvancingClock()) as bus:
        with pytest.raises(Unavailable, match="ResourceNotFoundException"):
            await bus.check()


def test_a_detail_has_its_time_in_whole_seconds_and_the_failure_that_clients_see():
    logged = a_logged_event(
        type_=EventType.UPLOAD_EXPIRED,
        status=ProcessingStatus.EXPIRED,
        at=START + timedelta(microseconds=987_654),
    )
    detail = json.loads(entry_of(logged, "bus")["Detail"])
    assert (detail["at"], detail["failure"]) == ("2024-01-01T12:00:00Z", "UPLOAD_EXPIRED")
