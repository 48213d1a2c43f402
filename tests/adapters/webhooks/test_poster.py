"""Webhook requests go only to public addresses that were checked before the connection."""

import asyncio
import socket
import ssl
from contextlib import asynccontextmanager

import pytest

from certificates import Authority
from orak.adapters.webhooks import poster as module
from orak.adapters.webhooks.poster import HttpPoster, is_public
from orak.application.ports.poster import ForbiddenAddress


@pytest.fixture
async def poster():
    async with HttpPoster("orak/test") as poster:
        yield poster


@pytest.fixture
async def unrestricted_poster():
    async with HttpPoster("orak/test", allow_private=True) as poster:
        yield poster


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
def test_public_addresses_are_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.1", "10.0.0.1", "127.0.0.1", "127.9.9.9", "169.254.169.254", "172.16.0.1", "192.168.1.1"),
        *("100.64.0.1", "192.0.0.1", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.1", "203.0.113.1"),
        *("224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "fe80::1", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1", "2002:0a00:0001::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "2001::1"),
        *("fec0::1", "3fff::1", "64:ff9b:1::1", "::127.0.0.1", "4000::1"),
    ],
)
def test_private_and_special_addresses_are_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1",
        "http://127.0.0.1:8000/x",
        "http://[::1]",
        "http://[::ffff:127.0.0.1]",
        "http://2130706433",
        "http://0x7f.1",
        "http://0",
        "http://localhost",
        "http://169.254.169.254/latest/meta-data",
        "http://no-such-name.invalid",
    ],
)
async def test_urls_of_private_hosts_and_unknown_names_are_refused(poster, url):
    with pytest.raises(ForbiddenAddress):
        await poster.check(url)
    assert (await poster.send(url, {}, b"")).status_code is None


def resolving_to(monkeypatch, *addresses):
    async def getaddrinfo(_host, port, **_options):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo, raising=False)


async def test_a_name_that_resolves_to_a_private_address_is_refused(poster, monkeypatch):
    resolving_to(monkeypatch, "10.0.0.1")
    with pytest.raises(ForbiddenAddress):
        await poster.check("http://evil.example")
    resolving_to(monkeypatch, "1.1.1.1", "10.0.0.1")
    with pytest.raises(ForbiddenAddress):
        await poster.check("http://evil.example")
    resolving_to(monkeypatch, "1.1.1.1")
    await poster.check("http://evil.example")


@asynccontextmanager
async def a_receiver(answer: bytes, tls=None):
    """Start a server; yield the requests that it receives, and its port."""
    requests = []

    async def serve(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length")
            ),
            0,
        )
        requests.append(head + await reader.readexactly(length))
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield requests, server.sockets[0].getsockname()[1]


def answered(status: str, body: bytes = b"", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def test_a_request_keeps_its_path_headers_and_host_name(unrestricted_poster):
    async with a_receiver(answered("200 OK", b"thanks")) as (requests, port):
        posted = await unrestricted_poster.send(
            f"http://localhost:{port}/hook?a=1", {"Orak-Event-Id": "7"}, b'{"id":7}'
        )
    assert (posted.status_code, posted.said) == (200, "thanks")
    [request] = requests
    head, body = request.split(b"\r\n\r\n")
    assert head.startswith(b"POST /hook?a=1 HTTP/1.1\r\n")
    lines = {line.lower() for line in head.split(b"\r\n")}
    assert {f"host: localhost:{port}".encode(), b"orak-event-id: 7"} <= lines
    assert body == b'{"id":7}'


async def test_the_receivers_retry_after_is_passed_on(unrestricted_poster):
    async with a_receiver(answered("503 Service Unavailable", **{"Retry-After": "120"})) as (_, port):
        posted = await unrestricted_poster.send(f"http://127.0.0.1:{port}", {}, b"{}")
    assert (posted.status_code, posted.retry_after) == (503, "120")


async def test_a_redirect_is_not_followed(unrestricted_poster):
    async with a_receiver(answered("302 Found", Location="http://127.0.0.1:1/")) as (requests, port):
        posted = await unrestricted_poster.send(f"http://127.0.0.1:{port}", {}, b"{}")
    assert posted.status_code == 302
    assert len(requests) == 1


async def test_the_connection_goes_to_the_address_that_was_checked(poster, monkeypatch):
    resolved = []

    async def getaddrinfo(_host, port, **_options):
        resolved.append(port)
        address = "1.1.1.1" if len(resolved) == 1 else "127.0.0.1"  # as a DNS rebinding server answers
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    connected = []

    async def connect(_self, host, port, **_options):
        connected.append((host, port))
        raise OSError("the test makes no real connection")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo, raising=False)
    monkeypatch.setattr("httpcore._backends.auto.AutoBackend.connect_tcp", connect)
    assert (await poster.send("http://rebinding.example", {}, b"")).status_code is None
    assert connected == [("1.1.1.1", 80)]


async def test_an_untrusted_certificate_is_refused(unrestricted_poster, tmp_path):
    certificate, key = Authority("untrusted").issue("localhost")
    (tmp_path / "pem").write_bytes(certificate + key)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "pem")
    async with a_receiver(answered("200 OK"), tls=tls) as (requests, port):
        posted = await unrestricted_poster.send(f"https://localhost:{port}", {}, b"{}")
    assert posted.status_code is None
    assert "certificate" in posted.said.lower()
    assert requests == []


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 ", b"\0\0\0", b"HTTP/1.1 999999 x\r\n\r\n"])
async def test_an_invalid_answer_has_no_status_code(unrestricted_poster, answer):
    async with a_receiver(answer) as (_, port):
        assert (await unrestricted_poster.send(f"http://127.0.0.1:{port}", {}, b"")).status_code is None


async def test_a_silent_receiver_times_out(unrestricted_poster, monkeypatch):
    monkeypatch.setattr(module, "_TOTAL_SECONDS", 0.2)
    silent = socket.socket()
    silent.bind(("127.0.0.1", 0))
    silent.listen()
    posted = await unrestricted_poster.send(f"http://127.0.0.1:{silent.getsockname()[1]}", {}, b"")
    silent.close()
    assert (posted.status_code, posted.said) == (None, "no answer within 0.2 s")


async def test_only_the_beginning_of_a_long_answer_is_kept(unrestricted_poster):
    async with a_receiver(answered("500 Oops", b"x" * 1_000_000)) as (_, port):
        posted = await unrestricted_poster.send(f"http://127.0.0.1:{port}", {}, b"")
    assert (posted.status_code, len(posted.said)) == (500, 1024)


async def test_a_refused_connection_is_reported(unrestricted_poster):
    posted = await unrestricted_poster.send("http://127.0.0.1:1", {}, b"")
    assert posted.status_code is None
    assert posted.said.startswith("ConnectError")
