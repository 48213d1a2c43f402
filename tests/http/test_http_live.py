"""The live feed: server-sent events and WebSockets, on a real socket."""

import asyncio
import json
import logging
import socket
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from http_api import create_record, presign, refusal
from orak.application.ports.live import LiveMessage
from orak.domain.identity import RecordId, UploadId, UserId
from orak.domain.processing import ProcessingStatus
from orak.entrypoints.http.answers.live_views import LiveView
from orak.entrypoints.http.routes import live_events, live_socket
from orak.entrypoints.http.serving import live_streams
from served import DEADLINE, a_token, caller, on_server, served

EVENTS, SOCKET, TICKET = "/records/async/events", "/records/async/live", "/records/async/live/ticket"
START = datetime(2024, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
async def server_and_owner(tmp_path):
    async with served(tmp_path) as (server, owner):
        yield server, owner


@pytest.fixture
def server(server_and_owner):
    return server_and_owner[0]


@pytest.fixture
def owner(server_and_owner):
    return server_and_owner[1]


async def a_record(server, owner) -> dict:
    signed = on_server(server, await presign(owner))
    await owner.put(signed["presignedUrl"], content=b"abc", headers=signed["headers"])
    return await create_record(owner, signed)


async def a_conversion(server, owner) -> int:
    """Create a record and convert it, which fails: three changes."""
    record = await a_record(server, owner)
    await server.running.use_cases.process_upload(UploadId(record["uploadId"]))
    await server.running.use_cases.follow_events()
    return record["id"]


async def publish(server, *messages, user=1):
    for message in messages:
        await server.running.use_cases.watch_records.live.publish(UserId(user), message)


def a_tick(progress):
    return LiveMessage(None, RecordId(1), UploadId(1), ProcessingStatus.PROCESSING, progress, START)


class Stream:
    """A stream of events, read block by block."""

    def __init__(self, answer) -> None:
        self.answer = answer
        self._lines = answer.aiter_lines()
        self.last_id = None

    async def block(self) -> dict[str, str]:
        """Return the fields of the next block; a comment is a block of its own."""
        fields = {}
        async with asyncio.timeout(DEADLINE):
            async for line in self._lines:
                if not line:
                    break
                field, _, value = line.partition(":")
                fields[field] = value.removeprefix(" ")
            else:
                raise EOFError
        self.last_id = fields.get("id", self.last_id)
        return fields

    async def event(self) -> dict:
        async with asyncio.timeout(DEADLINE):
            while "data" not in (fields := await self.block()):
                pass
        return json.loads(fields["data"]) | {"id": fields.get("id")}

    async def states(self, count) -> list[tuple[int, str]]:
        events = [await self.event() for _ in range(count)]
        return [(event["recordId"], event["processingStatus"]) for event in events]


@asynccontextmanager
async def streamed(client, after=None, **options):
    headers = {} if after is None else {"Last-Event-ID": str(after)}
    async with client.stream("GET", EVENTS, headers=headers, **options) as answer:
        assert answer.status_code == 200, await answer.aread()
        stream = Stream(answer)
        await stream.block()
        yield stream


def connected(server, token=None, query="", **options):
    if token is not None:
        options["subprotocols"] = ["bearer", token]
    return connect(f"ws{server.url.removeprefix('http')}{SOCKET}{query}", proxy=None, **options)


async def next_message(connection) -> dict:
    async with asyncio.timeout(DEADLINE):
        return json.loads(await connection.recv())


async def close_of(connection) -> int:
    async with asyncio.timeout(DEADLINE):
        await connection.wait_closed()
    return connection.close_code


async def until(holds) -> None:
    async with asyncio.timeout(DEADLINE):
        while not holds():  # noqa: ASYNC110 - the server sets no event when clients come and go
            await asyncio.sleep(0.01)


async def test_a_stream_shows_every_step_of_a_conversion(server, owner):
    async with streamed(owner) as stream:
        assert stream.answer.headers["content-type"] == "text/event-stream"
        assert stream.answer.headers["cache-control"] == "no-store"
        record_id = await a_conversion(server, owner)
        assert await stream.states(3) == [
            (record_id, "PROCESSING"),
            (record_id, "PROCESSING"),
            (record_id, "FAILED"),
        ]


async def test_an_event_matches_the_contract_byte_for_byte(server, owner):
    async with streamed(owner) as stream:
        await publish(
            server, LiveMessage(9, RecordId(3), UploadId(4), ProcessingStatus.COMPLETED, 100, START)
        )
        assert await stream.block() == {
            "id": "9",
            "data": '{"eventId":9,"recordId":3,"uploadId":4,"processingStatus":"COMPLETED","progress":100,'
            '"at":"2024-01-01T12:00:00Z"}',
        }


async def test_a_tick_repeats_the_last_event_id_and_has_no_id_of_its_own(server, owner):
    async with streamed(owner) as stream:
        begin = int(stream.last_id)
        await publish(server, a_tick(40))
        event = await stream.event()
        assert (event["eventId"], event["progress"], event["id"]) == (begin, 40, None)


async def test_a_client_that_reconnects_after_each_event_sees_every_change_once(server, owner):
    async with streamed(owner) as stream:
        last = stream.last_id
    converted = [await a_conversion(server, owner) for _ in range(7)]
    async with streamed(owner, after=last) as stream:
        whole = [(await stream.event())["eventId"] for _ in range(21)]
    seen = []
    for _ in range(21):
        async with streamed(owner, after=last) as stream:
            seen.append((await stream.event())["eventId"])
            last = stream.last_id
    assert len(converted) == 7
    assert seen == whole == sorted(set(seen))


async def test_a_deleted_record_is_announced_as_deleted(server, owner):
    record_id = await a_conversion(server, owner)
    async with streamed(owner) as stream:
        await owner.delete(f"/records/async/{record_id}")
        await server.running.use_cases.follow_events()
        event = await stream.event()
    assert (event["recordId"], event["processingStatus"], event["deleted"]) == (record_id, "FAILED", True)


async def test_ticks_after_the_end_of_a_conversion_are_left_out(server, owner):
    async with streamed(owner) as stream:
        begin = int(stream.last_id)
        done = LiveMessage(begin + 5, RecordId(1), UploadId(1), ProcessingStatus.COMPLETED, 100, START)
        again = LiveMessage(begin + 6, RecordId(1), UploadId(1), ProcessingStatus.PROCESSING, 0, START)
        await publish(server, a_tick(1), done, a_tick(99), again, a_tick(2))
        assert [(await stream.event())["progress"] for _ in range(4)] == [1, 100, 0, 2]


async def test_users_receive_events_of_their_own_records_only(server, owner):
    async with (
        caller(server, user=2) as other_user,
        streamed(other_user, after=0) as stream,
        connected(server, a_token(2), "?lastEventId=0") as connection,
    ):
        await a_conversion(server, owner)
        await publish(server, a_tick(40))
        own = LiveMessage(999, RecordId(7), UploadId(7), ProcessingStatus.COMPLETED, 100, START)
        await publish(server, own, user=2)
        assert (await stream.event())["recordId"] == 7
        assert (await next_message(connection))["recordId"] == 7


async def test_a_stream_resumed_after_a_future_id_begins_now(owner):
    async with streamed(owner, after=10**9) as stream:
        assert int(stream.last_id) < 10**9


@pytest.mark.parametrize("given", ["x", "-1", "1_0", "٣", "9" * 17, "1.0"])
async def test_a_malformed_last_event_id_is_refused(owner, given):
    answer = await owner.get(EVENTS, headers={"Last-Event-ID": given.encode()})
    assert refusal(answer) == (400, "VALIDATION_FAILED")


async def test_head_of_a_stream_ends_at_once(owner):
    answer = await owner.head(EVENTS)
    assert (answer.status_code, answer.content) == (200, b"")


async def test_a_stream_needs_a_token_in_the_header_or_a_valid_ticket(server, owner):
    token = owner.headers.pop("authorization").removeprefix("Bearer ")
    for path in (EVENTS, f"{EVENTS}?token={token}", f"{EVENTS}?access_token={token}", f"{EVENTS}?ticket=x"):
        assert refusal(await owner.get(path)) == (401, "UNAUTHORIZED")
    with_both = await owner.get(f"{EVENTS}?token={token}", headers={"Authorization": f"Bearer {token}"})
    assert refusal(with_both) == (401, "UNAUTHORIZED")
    assert refusal(await owner.post(TICKET)) == (401, "UNAUTHORIZED")
    for query in ("", f"?token={token}", "?ticket=x"):
        with pytest.raises(InvalidStatus) as refused:
            await connected(server, query=query)
        assert refused.value.response.status_code == 401
        assert json.loads(refused.value.response.body)["error"]["code"] == "UNAUTHORIZED"


async def test_a_ticket_opens_one_stream(server, owner, caplog):
    caplog.set_level(logging.INFO)
    made = await owner.post(TICKET)
    assert made.headers["cache-control"] == "no-store"
    left = datetime.fromisoformat(made.json()["expirationTime"]) - datetime.now(UTC)
    assert timedelta(seconds=20) < left <= timedelta(seconds=30)
    ticket = made.json()["ticket"]
    other = (await owner.post(TICKET)).json()["ticket"]
    del owner.headers["authorization"]
    async with (
        streamed(owner, params={"ticket": ticket}),
        connected(server, query=f"?ticket={other}") as socket,
    ):
        await publish(server, a_tick(5))
        assert (await next_message(socket))["progress"] == 5
    for used in (ticket, other):
        assert refusal(await owner.get(EVENTS, params={"ticket": used})) == (401, "UNAUTHORIZED")
    written = "\n".join(record.getMessage() for record in caplog.records if record.name != "httpx")
    assert ticket not in written
    assert other not in written


async def test_a_browser_authenticates_with_a_subprotocol(server):
    async with connected(server, a_token()) as connection:
        assert connection.subprotocol == "bearer"
        await publish(server, a_tick(5))
        assert await next_message(connection) == {
            "eventId": 0,
            "recordId": 1,
            "uploadId": 1,
            "processingStatus": "PROCESSING",
            "progress": 5,
            "at": "2024-01-01T12:00:00Z",
        }


async def test_a_socket_resumes_where_the_last_one_ended(server, owner):
    await a_conversion(server, owner)
    headers = {"Authorization": f"Bearer {a_token()}"}
    async with connected(server, query="?lastEventId=0", additional_headers=headers) as connection:
        assert connection.subprotocol is None
        seen = [(await next_message(connection))["eventId"] for _ in range(3)]
    async with connected(server, a_token(), f"?lastEventId={seen[0]}") as connection:
        assert [(await next_message(connection))["eventId"] for _ in range(2)] == seen[1:]


@pytest.mark.parametrize(
    ("origin", "opens"),
    [
        (None, True),
        ("http://127.0.0.1:0", True),
        ("own", True),
        ("https://app.example", True),
        ("https://evil.test", False),
    ],
)
async def test_a_page_of_another_origin_cannot_open_a_socket(tmp_path, origin, opens):
    async with served(tmp_path, cors_origins=("https://app.example",)) as (server, _):
        origin = server.url if origin == "own" else origin
        if opens:
            async with connected(server, a_token(), origin=origin):
                return
        with pytest.raises(InvalidStatus) as refused:
            await connected(server, a_token(), origin=origin)
        assert refused.value.response.status_code == 403
        assert json.loads(refused.value.response.body)["error"]["code"] == "FORBIDDEN"


async def test_a_long_message_closes_the_socket_and_short_ones_are_ignored(server):
    async with connected(server, a_token()) as connection:
        await connection.send("hello")
        await publish(server, a_tick(5))
        assert (await next_message(connection))["progress"] == 5
        await connection.send("x" * 1_000_000)
        assert await close_of(connection) == 1009


async def test_shutdown_ends_every_stream_and_asks_clients_to_reconnect(tmp_path):
    async with (
        served(tmp_path) as (server, owner),
        streamed(owner) as stream,
        connected(server, a_token()) as connection,
    ):
        server.running.end_waits()
        assert await close_of(connection) == 1012
        with pytest.raises(EOFError):
            await stream.block()


async def test_shutdown_answers_a_handshake_before_it_closes_the_socket(server, monkeypatch):
    arrived, go_on, authenticate = asyncio.Event(), asyncio.Event(), live_socket.authenticate_stream

    async def slowly(*arguments):
        arrived.set()
        await go_on.wait()
        return await authenticate(*arguments)

    monkeypatch.setattr(live_socket, "authenticate_stream", slowly)
    connecting = asyncio.create_task(connected(server, a_token()).__aenter__())
    async with asyncio.timeout(DEADLINE):
        await arrived.wait()
        server.running.end_waits()
        for connection in server.server_state.connections:
            connection.shutdown()
        go_on.set()
        assert await close_of(await connecting) == 1012


async def test_a_stream_ends_when_its_token_expires(server, owner):
    short = a_token(life=timedelta(seconds=2))
    owner.headers["authorization"] = f"Bearer {short}"
    ticket = (await owner.post(TICKET)).json()["ticket"]
    async with (
        streamed(owner) as stream,
        connected(server, short) as one,
        connected(server, query=f"?ticket={ticket}") as other,
    ):
        assert await close_of(one) == 1012
        assert await close_of(other) == 1012
        with pytest.raises(EOFError):
            await stream.block()
    assert refusal(await owner.get(EVENTS)) == (401, "UNAUTHORIZED")


async def test_a_quiet_stream_sends_heartbeats(owner, monkeypatch):
    monkeypatch.setattr(live_streams, "HEARTBEAT_SECONDS", 0.01)
    async with streamed(owner) as stream:
        assert await stream.block() == {"": ""}


async def test_a_user_may_open_a_limited_number_of_streams(server, owner):
    async with streamed(owner) as stream:
        [user] = [*server.config.app.state.streams._open]
        server.config.app.state.streams._open[user] += 31
        refused = await owner.get(EVENTS)
        assert refusal(refused) == (429, "RATE_LIMITED")
        assert refused.headers["retry-after"] == "10"
        with pytest.raises(InvalidStatus) as refused:
            await connected(server, a_token())
        assert refused.value.response.status_code == 429
        async with caller(server, user=2) as other_user, streamed(other_user):
            pass
        server.config.app.state.streams._open[user] -= 31
    await until(lambda: not server.config.app.state.streams._open)
    assert stream.last_id is not None


@pytest.mark.parametrize("kind", ["events", "socket"])
async def test_a_client_that_never_reads_is_disconnected_and_delays_no_other(
    server, owner, monkeypatch, kind
):
    for module in (live_events, live_socket):
        monkeypatch.setattr(module, "WRITE_TIMEOUT_SECONDS", 0.3)
    listener = server.servers[0].sockets[0]
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # which connections inherit
    unread = socket.socket()
    unread.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    unread.connect(listener.getsockname())
    upgrade = {
        "events": "",
        "socket": "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n",
    }[kind]
    path = {"events": EVENTS, "socket": SOCKET}[kind]
    unread.sendall(
        f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {a_token()}\r\n{upgrade}\r\n".encode()
    )
    open_streams = server.config.app.state.streams
    async with streamed(owner) as stream:
        await until(lambda: open_streams._open[UserId(1)] == 2)
        position = 1000
        async with asyncio.timeout(DEADLINE):
            while open_streams._open[UserId(1)] == 2:
                position += 1
                await publish(
                    server,
                    LiveMessage(position, RecordId(1), UploadId(1), ProcessingStatus.PROCESSING, 0, START),
                )
                assert (await stream.event())["eventId"] == position
        unread.close()


def test_the_time_of_a_message_is_in_whole_seconds():
    at = START + timedelta(microseconds=987_654)
    message = LiveMessage(1, RecordId(1), UploadId(1), ProcessingStatus.PROCESSING, 0, at)
    assert LiveView.of(message, 1).at == START
