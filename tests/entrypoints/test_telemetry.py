"""What becomes a span, and what leaves the process in it."""

import asyncio
import os
from contextlib import asynccontextmanager

import httpx
import pytest
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased
from opentelemetry.trace import SpanKind, StatusCode

from builders import an_upload
from http_api import presign, upload
from orak.adapters.clock.system import SystemClock
from orak.adapters.persistence.sql.database import SqlPersistence
from orak.application.ports.failures import Unavailable
from orak.domain.errors import UploadNotFound
from orak.domain.identity import UploadId
from orak.entrypoints.settings.checks import InvalidSetting
from orak.entrypoints.telemetry.libraries import Libraries
from orak.entrypoints.telemetry.opening import telemetry
from orak.entrypoints.telemetry.redaction import RedactingProcessor
from orak.entrypoints.telemetry.sampling import NoClientRoots
from orak.entrypoints.telemetry.sdk import Providers
from orak.entrypoints.telemetry.variables import Asked, exporters
from served import in_process

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
UUID = "0c0f4a1e-6c7b-4f6e-9d5f-2f0b7b1f0a11"
CALLED = {"traceparent": f"00-{TRACE}-{CALLER}-01"}


class Recorded:
    """A process that records spans, and the spans that it has exported."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self._processor = RedactingProcessor(self._exporter)
        self.tracers = TracerProvider(NoClientRoots(ParentBased(ALWAYS_ON)), shutdown_on_exit=False)
        self.tracers.add_span_processor(self._processor)
        self.providers = Providers(self.tracers, NoOpMeterProvider())
        self.telemetry = self.providers.telemetry()
        self.tracer = self.tracers.get_tracer("tests")

    def spans(self, name=None):
        self._processor.force_flush()
        found = self._exporter.get_finished_spans()
        return [span for span in found if name in {None, span.name}]


@pytest.fixture
def recorded():
    recorded = Recorded()
    yield recorded
    recorded.providers.shutdown()


@pytest.fixture
def one_request(recorded, tmp_path):
    """Run the application and one request to it; return the span of that request."""

    @asynccontextmanager
    async def caller():
        async with in_process(tmp_path, immediate_slots=0, telemetry=recorded.telemetry) as client:
            yield client

    async def one_request(method, path, **options):
        async with caller() as client:
            answer = await client.request(method, path, **options)
        [span] = [one for one in recorded.spans() if one.kind is SpanKind.SERVER]
        return answer, span

    return one_request


@pytest.mark.parametrize(
    ("variables", "traces", "metrics"),
    [
        ({}, [], []),
        ({"OTEL_SERVICE_NAME": "orak"}, [], []),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"}, [], []),
        ({"OTEL_TRACES_EXPORTER": "console, otlp"}, ["console", "otlp"], []),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, ["otlp"], ["otlp"]),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_METRICS_EXPORTER": "none"}, ["otlp"], []),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://c:4318/v1/metrics"}, [], ["otlp"]),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "True"}, [], []),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "", "OTEL_TRACES_EXPORTER": " "}, [], []),
    ],
)
def test_the_variables_decide_what_is_exported(variables, traces, metrics):
    assert [one.exporter for one in exporters("TRACES", variables)] == traces
    assert [one.exporter for one in exporters("METRICS", variables)] == metrics


def test_an_exporter_is_known_by_the_variable_that_asks_for_it():
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_METRICS_EXPORTER": "console"}
    assert exporters("TRACES", variables) == [Asked("otlp", "OTEL_EXPORTER_OTLP_ENDPOINT")]
    assert exporters("METRICS", variables) == [Asked("console", "OTEL_METRICS_EXPORTER")]


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (
            {"OTEL_TRACES_EXPORTER": "jaeger"},
            "OTEL_TRACES_EXPORTER names 'jaeger', and no such exporter is installed",
        ),
        (
            {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"},
            "OTEL_EXPORTER_OTLP_PROTOCOL is 'http/json', not http/protobuf or grpc",
        ),
        (
            {"OTEL_METRICS_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "grpc"},
            "OTEL_METRICS_EXPORTER is set, but opentelemetry-exporter-otlp-proto-grpc is not installed",
        ),
    ],
)
async def test_an_exporter_that_cannot_be_had_is_one_line_and_a_hint(variables, message):
    with pytest.raises(InvalidSetting) as refusal:
        async with telemetry(variables):
            pass
    assert str(refusal.value) == message
    assert refusal.value.hint


async def test_a_prefixed_variable_reaches_the_sdk(monkeypatch):
    monkeypatch.setenv("OTEL_SERVICE_NAME", "other")
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    monkeypatch.setenv("ORAK_OTEL_TRACES_EXPORTER", "console")
    monkeypatch.setenv("ORAK_OTEL_TRACES_SAMPLER", "always_off")
    async with telemetry() as recorders:
        assert recorders.traces.records
        with recorders.traces.span("request") as span:
            assert not span.records
    assert os.environ["OTEL_TRACES_EXPORTER"] == "none"
    assert "OTEL_TRACES_SAMPLER" not in os.environ


async def test_a_request_is_named_for_its_route_and_goes_on_with_the_trace_of_its_caller(one_request):
    _, span = await one_request("GET", "/records/async/7?signature=s3cret", headers=CALLED)
    assert span.name == "GET /records/async/{record_id}"
    assert (f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE, CALLER)
    assert dict(span.attributes) == {
        "http.request.method": "GET",
        "http.route": "/records/async/{record_id}",
        "http.response.status_code": 404,
        "network.protocol.version": "1.1",
        "url.scheme": "http",
    }
    assert span.status.status_code is StatusCode.UNSET  # the caller's mistake, not the server's


@pytest.mark.parametrize(
    ("path", "name"),
    [("/records/async/unknown/path/with/my-song.webm", "GET"), ("/media/published/my-song.m4a", None)],
)
async def test_a_path_that_may_hold_anything_is_not_recorded(one_request, path, name):
    _, span = await one_request("GET", path)
    assert name is None or span.name == name
    assert "my-song" not in span.to_json()


async def test_probes_and_scrapes_are_not_traced(recorded, tmp_path):
    async with in_process(tmp_path, immediate_slots=0, telemetry=recorded.telemetry) as client:
        for path in ("/health/live", "/health/ready", "/metrics"):
            assert (await client.get(path)).status_code == 200
    assert recorded.spans() == []


async def test_a_request_that_the_server_cannot_answer_is_an_error(recorded):
    async def broken(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 503, "headers": []})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    transport = httpx.ASGITransport(recorded.telemetry.traced(broken))
    async with httpx.AsyncClient(transport=transport, base_url="http://orak.test") as client:
        await client.get("/records/async")
    [span] = recorded.spans()
    assert (span.status.status_code, span.attributes["error.type"]) == (StatusCode.ERROR, "503")


@pytest.mark.parametrize("sampled", [False, True])
async def test_a_request_that_is_not_sampled_makes_no_span_and_passes_that_on(recorded, sampled):
    flags = "01" if sampled else "00"
    seen = []

    async def app(scope, _receive, send):
        seen.append(dict(scope["headers"])[b"traceparent"].decode())
        with recorded.telemetry.traces.span("store upload") as call:
            seen.append(call.records)
        seen.append(is_instrumentation_enabled())
        with recorded.telemetry.traces.follow("convert upload", f"00-{TRACE}-{CALLER}-01"):
            seen.append(is_instrumentation_enabled())
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    transport = httpx.ASGITransport(recorded.telemetry.traced(app))
    async with httpx.AsyncClient(transport=transport, base_url="http://orak.test") as client:
        await client.get("/records/async", headers={"traceparent": f"00-{TRACE}-{CALLER}-{flags}"})
    assert (seen[0][3:35], seen[0][-2:]) == (TRACE, flags)
    assert seen[1:] == [sampled, sampled, True]
    expected = ["store upload", "convert upload", "GET"] if sampled else ["convert upload"]
    assert [span.name for span in recorded.spans()] == expected


async def test_statements_are_below_the_request_that_runs_them(recorded, tmp_path, postgresql_url):
    changes = {"telemetry": recorded.telemetry, "immediate_slots": 0, "database_url": postgresql_url}
    with Libraries().instrumented(recorded.tracers):
        async with in_process(tmp_path, **changes) as client:
            await presign(client)
    [server] = recorded.spans("POST /records/async/presigned-url")
    [call] = recorded.spans("store upload")
    below = [span for span in recorded.spans() if span.parent and span.parent.span_id == call.context.span_id]
    assert call.parent.span_id == server.context.span_id
    assert [one for one in below if "INSERT INTO uploads" in str(one.attributes.get("db.statement"))]
    roots = [span.name for span in recorded.spans() if span.parent is None]
    assert roots == ["POST /records/async/presigned-url"]  # no statement of a timer among them


async def test_calls_of_one_group_are_linked_with_the_one_that_has_the_statement(recorded, postgresql_url):
    async def ask(persistence, number):
        with recorded.tracer.start_as_current_span(f"request {number}"):
            await persistence.snapshots.upload(UploadId(number))

    with Libraries().instrumented(recorded.tracers):
        async with SqlPersistence.open(
            postgresql_url, clock=SystemClock(), lease=None, traces=recorded.telemetry.traces
        ) as persistence:
            await asyncio.gather(*(ask(persistence, n) for n in range(1, 21)), return_exceptions=True)
    calls = recorded.spans("read upload")
    statements = [span for span in recorded.spans("SELECT") if "= ANY" in span.attributes["db.statement"]]
    assert len(calls) == 20
    assert len(statements) < 20
    leaders = {statement.parent.span_id for statement in statements}
    for call in calls:
        linked = {link.context.span_id for link in call.links}
        assert call.context.span_id in leaders or len(linked & leaders) == 1
    linked_by_leaders = [
        link.context.span_id for call in calls if call.context.span_id in leaders for link in call.links
    ]
    others = [call.context.span_id for call in calls if call.context.span_id not in leaders]
    assert sorted(linked_by_leaders) == sorted(others)


async def test_the_text_of_an_error_of_the_database_stays_in_the_process(recorded, postgresql_url):
    with Libraries().instrumented(recorded.tracers):
        async with SqlPersistence.open(
            postgresql_url, clock=SystemClock(), lease=None, traces=recorded.telemetry.traces
        ) as persistence:
            twice = an_upload(uuid="a" * 36, filename="my-song.webm")
            with recorded.tracer.start_as_current_span("request"):
                await persistence.intake.add(twice)
                with pytest.raises(Unavailable):
                    await persistence.intake.add(twice)
                with pytest.raises(UploadNotFound):
                    await persistence.snapshots.upload(UploadId(10**9))
    failed = [span for span in recorded.spans() if span.status.status_code is StatusCode.ERROR]
    assert failed
    assert [event.attributes["exception.type"] for event in failed[0].events] == [
        "asyncpg.exceptions.UniqueViolationError"
    ]
    text = "".join(span.to_json() for span in recorded.spans())
    assert "my-song" not in text
    assert "a" * 36 not in text


@pytest.mark.parametrize(
    ("url", "exported"),
    [
        (
            f"https://key:secret@s3.example.com:9000/b/recordings/{UUID}_my-song.webm?X-Amz-Signature=abc#part",
            f"https://s3.example.com:9000/b/recordings/{UUID}",
        ),
        (
            f"https://b.s3.amazonaws.com/published/{UUID}/3_my-song.m4a",
            f"https://b.s3.amazonaws.com/published/{UUID}/3",
        ),
        (
            f"https://b.s3.amazonaws.com/private/{UUID}/3_my-song.m4a",
            f"https://b.s3.amazonaws.com/private/{UUID}/3",
        ),
        (
            f"https://s3.example.com/published%2F{UUID}%2F3_my-song.m4a",
            f"https://s3.example.com/published%2F{UUID}%2F3",
        ),
        ("https://s3.example.com/recordings/a/my-song.webm", "https://s3.example.com/recordings/…"),
        ("https://s3.example.com/recordings/foreign%20song.webm", "https://s3.example.com/recordings/…"),
        ("https://s3.example.com/", "https://s3.example.com/"),
    ],
)
def test_a_url_keeps_the_object_and_loses_its_name_and_signature(recorded, url, exported):
    with recorded.tracer.start_as_current_span("GET", attributes={"http.url": url, "url.full": url}):
        pass
    [span] = recorded.spans()
    assert dict(span.attributes) == {"http.url": exported, "url.full": exported}


async def test_an_upload_to_the_local_disk_is_one_span_without_its_file_name(recorded, tmp_path):
    async with in_process(tmp_path, immediate_slots=0, telemetry=recorded.telemetry) as client:
        signed = await presign(client, originalFilename="my-song.webm")
        await client.put(signed["presignedUrl"], content=b"abc", headers=signed["headers"])
        await upload(client)
    puts = [span for span in recorded.spans() if span.attributes.get("http.request.method") == "PUT"]
    assert {span.name for span in puts} == {"PUT /storage/{key}"}
    assert "my-song" not in "".join(span.to_json() for span in recorded.spans())


def test_no_trace_begins_with_a_statement_of_a_timer(recorded):
    with recorded.tracer.start_as_current_span("SELECT", kind=SpanKind.CLIENT):
        recorded.tracer.start_span("connect", kind=SpanKind.CLIENT).end()
    with recorded.tracer.start_as_current_span("sweep"):
        recorded.tracer.start_span("UPDATE", kind=SpanKind.CLIENT).end()
    assert [span.name for span in recorded.spans()] == ["UPDATE", "sweep"]


def test_a_malformed_traceparent_begins_a_new_trace(recorded):
    for given in (None, "", "00-xyz", f"00-{'0' * 32}-{CALLER}-01"):
        with recorded.telemetry.traces.follow("convert upload", given, upload_id=7):
            pass
    assert [span.parent for span in recorded.spans()] == [None] * 4
    assert [dict(span.attributes) for span in recorded.spans()] == [{"orak.upload_id": 7}] * 4
