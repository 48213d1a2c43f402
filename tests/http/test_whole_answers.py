"""Short answers leave in one write; every other one leaves as uvicorn writes it."""

import asyncio
from types import SimpleNamespace

import pytest
from uvicorn.server import ServerState

from http_api import SETTINGS
from orak.adapters.clock.frozen import FrozenClock
from orak.entrypoints.http.serving.protocol import GuardedProtocol
from orak.entrypoints.http.serving.request_metrics import RequestMetrics
from orak.entrypoints.http.serving.server import server_config

HELLO = [
    {
        "type": "http.response.start",
        "status": 200,
        "headers": [(b"content-type", b"text/plain"), (b"content-length", b"5")],
    },
    {"type": "http.response.body", "body": b"hello", "more_body": False},
]


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self):
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.writes = []
        self.closed = False

    def write(self, data):
        self.writes.append(bytes(data))

    def is_closing(self):
        return self.closed

    def close(self):
        self.closed = True

    def pause_reading(self):
        pass

    def resume_reading(self):
        pass


def with_headers(*headers, body=b"hello"):
    start, end = HELLO
    return [start | {"headers": [*start["headers"], *headers]}, end | {"body": body}]


async def answered(*messages, head="GET / HTTP/1.1", fails=None, draining=None):
    """Return the wire after one request to an application that sends *messages*."""

    async def application(_scope, _receive, send):
        for message in messages:
            await send(message)
        if fails:
            raise fails

    config = server_config(application, SETTINGS, draining)
    config.load()
    protocol = config.http_protocol_class(config, ServerState(), {})
    protocol.connection_made(wire := Wire())
    protocol.data_received(f"{head}\r\nHost: orak.test\r\n\r\n".encode())
    await asyncio.gather(*protocol.tasks, return_exceptions=True)
    return wire


async def test_a_short_answer_is_one_write():
    wire = await answered(*HELLO)
    assert wire.writes == [b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nhello"]
    assert not wire.closed


async def test_while_the_process_drains_an_answer_closes_its_connection():
    draining = asyncio.Event()
    assert not (await answered(*HELLO, draining=draining)).closed
    draining.set()
    wire = await answered(*HELLO, draining=draining)
    assert b"connection: close\r\n" in b"".join(wire.writes)
    assert wire.closed


@pytest.mark.parametrize(
    ("messages", "head"),
    [
        (HELLO, "GET / HTTP/1.0"),
        (HELLO, "HEAD / HTTP/1.1"),
        (with_headers((b"connection", b"close")), "GET / HTTP/1.1"),
        (
            [HELLO[0], HELLO[1] | {"body": b"hel", "more_body": True}, HELLO[1] | {"body": b"lo"}],
            "GET / HTTP/1.1",
        ),
        ([HELLO[0] | {"headers": []}, HELLO[1]], "GET / HTTP/1.1"),
        ([{"type": "http.response.start", "status": 204}, HELLO[1] | {"body": b""}], "GET / HTTP/1.1"),
    ],
)
async def test_every_other_answer_leaves_as_before(messages, head):
    wire = await answered(*messages, head=head)
    text = b"".join(wire.writes)
    assert text.startswith((b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 204 No Content\r\n"))
    if b"chunked" in text:
        assert text.endswith(b"5\r\nhello\r\n0\r\n\r\n")
    elif not head.startswith("HEAD") and b"204" not in text:
        assert text.endswith(b"\r\n\r\nhello")
    else:
        assert text.endswith(b"\r\n\r\n")
    assert wire.closed == (b"connection: close" in text)


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: x", b"a\nb", b"a\rb"])
async def test_a_line_break_in_a_header_is_never_written(value):
    wire = await answered(*with_headers((b"x-name", value)))
    assert value not in b"".join(wire.writes)
    assert b"".join(wire.writes).startswith(b"HTTP/1.1 500 ")


class Busy:
    """An application that answers once a test sets `may_answer`."""

    def __init__(self):
        self.asked, self.may_answer = asyncio.Event(), asyncio.Event()
        running = SimpleNamespace(clock=FrozenClock())
        self.state = SimpleNamespace(running=running, request_metrics=RequestMetrics())

    async def __call__(self, _scope, _receive, send):
        self.asked.set()
        await self.may_answer.wait()
        for message in HELLO:
            await send(message)


async def test_a_refusal_never_overtakes_the_answer_before_it():
    config = server_config(busy := Busy(), SETTINGS)
    config.load()
    protocol = GuardedProtocol(config, ServerState(), {})
    protocol.connection_made(wire := Wire())
    protocol.data_received(b"GET / HTTP/1.1\r\nHost: orak.test\r\n\r\n")
    await busy.asked.wait()
    protocol.data_received(b"no HTTP at all\r\n\r\n")
    assert wire.writes == []
    assert not wire.closed
    busy.may_answer.set()
    await asyncio.gather(*protocol.tasks)
    assert [write.partition(b"\r\n")[0] for write in wire.writes] == [
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 400 Bad Request",
    ]
    assert wire.closed


async def test_an_application_that_fails_behind_the_head_is_answered_500():
    wire = await answered(HELLO[0], fails=ValueError("broken"))
    assert b"".join(wire.writes).startswith(b"HTTP/1.1 500 ")
    assert wire.closed
