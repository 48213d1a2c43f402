"""Input that is not HTTP, and requests without an end."""

import asyncio
import json
import os
import re
import signal
import socket
import struct
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from cli_processes import CliProcess
from http_api import SECRET
from orak.entrypoints.http.serving.protocol import MAX_HEAD
from served import DEADLINE, a_token, served

MIB = 2**20

GET = b"GET /health/live HTTP/1.1\r\nHost: x\r\n"
CHUNKED = b"POST /records/async HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
async def server(tmp_path):
    async with served(tmp_path) as (server, _):
        yield server


async def sent(server, start, pieces=()):
    """Send *start* and *pieces* on a new connection; return the answer that arrives until it is closed."""
    reader, writer = await asyncio.open_connection(*server.address)
    answer = b""
    async with asyncio.timeout(DEADLINE):
        try:
            writer.write(start)
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            answer = await reader.read()
        except ConnectionError:  # the server closed it while the test was sending, perhaps before it read
            pass
        finally:
            writer.close()
    return answer


def refused(answer):
    """Return field and code of every problem in a raw answer, after checking its form."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode("ascii").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    error = json.loads(body)["error"]
    assert status == "HTTP/1.1 400 Bad Request"
    assert headers["connection"] == "close"
    assert headers["content-type"] == "application/json"
    assert int(headers["content-length"]) == len(body)
    assert headers["x-request-id"] == error["requestId"]
    assert error["code"] == "VALIDATION_FAILED"
    assert "?" not in error["path"]
    return [(detail["field"], detail["code"]) for detail in error["details"]]


@pytest.mark.parametrize(
    "nonsense",
    [
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
        b"GET /media/x?signature=1 HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n",
        CHUNKED + b"no length\r\n",
    ],
)
async def test_input_that_is_not_http_gets_the_error_envelope(server, nonsense):
    assert refused(await sent(server, nonsense)) == [("request", "MALFORMED")]
    shown = await sent(server, b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert b'orak_http_requests_total{method="(other)",route="(no request)",status="400"} 1.0' in shown


WRONG_HOSTS = [
    [],
    [b""],
    [b"a.example", b"a.example"],
    [b"a.example", b"b.example"],
    [b"a.example, b.example"],
    [b"a.example/path"],
    [b"user@a.example"],
    [b"a.example:80:80"],
    [b"a.example:http"],
    [b"[::1"],
    [b"\xed\x95\x9c.example"],
]


@pytest.mark.parametrize("upgrade", [b"", b"Connection: Upgrade\r\nUpgrade: websocket\r\n"])
async def test_a_request_without_exactly_one_valid_host_is_refused(server, upgrade):
    for hosts in WRONG_HOSTS:
        lines = b"".join(b"Host: %s\r\n" % host for host in hosts)
        answer = await sent(server, b"GET /health/live?a=b HTTP/1.1\r\n" + lines + upgrade + b"\r\n")
        assert refused(answer) == [("Host", "INVALID" if hosts else "REQUIRED")], hosts
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["path"] == "/health/live"


async def test_every_valid_host_is_served_and_http_1_0_needs_none(server):
    for start in (
        b"GET /health/live HTTP/1.0\r\n\r\n",
        b"GET /health/live HTTP/1.0\r\nHost: x\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\nHost: a_b.example:8000\r\nConnection: close\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\nhost:\t[::1]:80 \r\nConnection: close\r\n\r\n",
        b"GET http://a.example/health/live HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n",
    ):
        assert (await sent(server, start)).startswith(b"HTTP/1.1 200 "), start


async def test_a_later_request_of_a_connection_needs_a_host_too(server):
    answer = await sent(server, GET + b"\r\n", [b"GET /health/live HTTP/1.1\r\n\r\n"])
    assert answer.startswith(b"HTTP/1.1 ")
    assert b"HTTP/1.1 400 Bad Request" in answer


async def test_two_hosts_are_refused_in_http_1_0_too(server):
    answer = await sent(server, b"GET /health/live HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n")
    assert refused(answer) == [("Host", "INVALID")]


async def test_the_error_uses_the_language_and_request_id_read_so_far(server):
    answer = await sent(
        server, GET + b"X-Request-Id: mine\r\nAccept-Language: en\r\nCookie: a\r\nbad line\r\n\r\n"
    )
    assert "The request cannot be read" in answer.decode()
    assert b"X-Request-Id: mine\r\n" in answer


async def test_a_head_up_to_the_limit_is_served_and_a_longer_one_refused(server):
    fits = b"Cookie: %s\r\n" % (b"x" * (MAX_HEAD - 1000))
    assert (await sent(server, GET + fits + b"Connection: close\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    too_long = b"Cookie: %s\r\n" % (b"x" * MAX_HEAD)
    assert refused(await sent(server, GET + too_long + b"\r\n")) == [("headers", "TOO_LARGE")]


RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset, like a lost connection


def a_call(target, *headers):
    lines = "".join(f"{line}\r\n" for line in ("Host: x", f"Authorization: Bearer {a_token()}", *headers))
    return f"GET {target} HTTP/1.1\r\n{lines}\r\n".encode()


async def hang_up_on(address, sent, begun):
    """Send bytes on a new connection, and reset it when the answer has got as far as *begun*."""
    reader, writer = await asyncio.open_connection(*address)
    async with asyncio.timeout(DEADLINE):
        writer.write(sent)
        with suppress(ConnectionError):  # the server may close it first
            await reader.readuntil(begun)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()


LISTING = "/records/async"
EVENTS = "/records/async/events"
HANDSHAKE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


@pytest.mark.parametrize("others", [0, 1], ids=["alone", "pipelined"])
async def test_a_stream_ends_when_its_client_hangs_up(server, others):
    other = others * a_call(LISTING)
    await hang_up_on(server.address, other + a_call(EVENTS) + other, b"retry: ")
    async with asyncio.timeout(DEADLINE):
        while server.config.app.state.streams.number:
            await sent(server, GET + b"Connection: close\r\n\r\n")


async def test_clients_that_hang_up_leave_no_error_in_the_log(tmp_path):
    # A process of its own: only uvloop, which `orak serve` uses, refuses to write to a closed connection.
    server = CliProcess("serve", "--port", 0, "--data-dir", tmp_path, env={"JWT_SECRET": SECRET})
    try:
        address = "127.0.0.1", int(server.wait_for(r"serves http://[^:]+:(\d+)")[1])
        listing, watching = a_call(LISTING), a_call(f"{LISTING}/live", *HANDSHAKE)
        for sent, begun in (
            (listing, b"HTTP"),
            (3 * listing, b"HTTP"),
            (listing + a_call(EVENTS) + listing, b"retry: "),
            (watching, b"HTTP"),
            (watching + b"\xff" * 9, b"HTTP"),  # not a frame
            (watching.replace(b"Bearer", b"Basic"), b"HTTP"),
        ):
            for _ in range(10):
                await hang_up_on(address, sent, begun)
        assert server.stop(signal.SIGTERM) == 0
        assert not re.search("Traceback|ERROR", server.output), server.output
    finally:
        server.close()


# The server is the same on every system; only the measurement needs Linux.
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows the memory of a process in /proc")
@pytest.mark.parametrize(
    ("start", "line"),
    [
        (GET, b"X-%06d: %s\r\n"),
        (GET + b"Cookie: ", b"%06d%s"),
        (b"GET /", b"%06d%s"),
        (CHUNKED + b"0\r\n", b"X-%06d: %s\r\n"),
        (CHUNKED + b"0\r\nX-Trailer: ", b"%06d%s"),
        (CHUNKED + b"1;", b"%06d%s"),
    ],
    ids=["lines", "line", "target", "trailers", "trailer", "chunk-extension"],
)
async def test_an_endless_head_does_not_fill_the_memory(server, start, line):
    lines = (line % (number, b"x" * 8000) for number in range(32 * MIB // 8000))
    before = _memory()
    await sent(server, start, lines)
    assert _memory() - before < 4 * MIB  # of the 32 MiB sent; MAX_HEAD is 64 KiB


def _memory():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
