"""Two API processes behind a proxy of `deploy` are replaced one after the other while clients call them."""

import asyncio
import json
import os
import signal
from contextlib import AsyncExitStack, suppress
from types import SimpleNamespace

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from cli_processes import CliProcess
from http_api import SECRET, create_record, upload
from proxies import a_deployed_proxy, free_port
from served import a_token

DEADLINE = 240
"""Seconds for everything; only a test that hangs reaches it."""

DRAIN_SECONDS = "7"
"""More than `health_interval` and `health_timeout` of deploy/Caddyfile together."""

CLIENTS = 3


@pytest.fixture
def env(postgresql_server, tmp_path):
    postgresql_server.sql("CREATE DATABASE rolling")
    yield {
        "DATABASE_URL": postgresql_server.url("rolling"),
        "ORAK_DB_AUTO_UPGRADE": "true",
        "ORAK_DATA_DIR": str(tmp_path / "data"),
        "JWT_SECRET": SECRET,
        "DRAIN_SECONDS": DRAIN_SECONDS,
        "IMMEDIATE_SLOTS": "0",
        "BATCH_ENABLED": "false",
    }
    postgresql_server.sql("DROP DATABASE rolling WITH (FORCE)")


class Deployment:
    """Two processes of `serve`, each on its port, behind a proxy."""

    def __init__(self, env: dict[str, str], port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.ports = free_port(), free_port()
        self._env = env | {"PUBLIC_URL": self.url}
        self._processes: dict[int, CliProcess] = {}
        self._ended: list[CliProcess] = []

    async def start(self, port: int) -> None:
        process = self._processes[port] = CliProcess("serve", "--port", port, env=self._env)
        await asyncio.to_thread(process.wait_for, " serves http")

    async def replace(self, port: int) -> None:
        """Stop the process on *port* and start another; return once clients call that one."""
        old = self._processes[port]
        self._ended.append(old)
        assert await asyncio.to_thread(old.stop, signal.SIGTERM) == 0
        assert "draining" in old.output
        assert "Traceback" not in old.output
        await self.start(port)
        async with httpx.AsyncClient() as client:
            while not _calls((await client.get(f"http://127.0.0.1:{port}/metrics")).text):  # noqa: ASYNC110 - see below
                await asyncio.sleep(0.1)  # the other process sets no event

    def close(self) -> None:
        for process in [*self._processes.values(), *self._ended]:
            process.close()


def _calls(metrics: str) -> float:
    """Return how many URLs a process has signed."""
    return sum(
        sample.value
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
        if sample.name == "orak_http_requests_total"
        and sample.labels["route"] == "/records/async/presigned-url"
    )


@pytest.fixture(params=["caddy", "nginx"])
async def deployment(request, env):
    port = free_port()
    deployment = Deployment(env, port)
    try:
        await deployment.start(deployment.ports[0])  # the first alone: it makes the tables
        await deployment.start(deployment.ports[1])
        with a_deployed_proxy(request.param, port, deployment.ports):
            yield deployment
    finally:
        deployment.close()


@pytest.fixture
def seen():
    """What clients saw: uploads that they made, failures, and what live streams told them."""
    return SimpleNamespace(uploads=set(), failures=[], by_sse=set(), by_socket=set(), cut=[])


async def calls(url, seen, stop):
    """Make recordings one after the other until *stop*, each over all the calls of a client."""
    headers = {"Authorization": f"Bearer {a_token()}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as client:
        while not stop.is_set():
            try:
                signed = await upload(client, os.urandom(1000))
                record = await create_record(client, signed)
                (await client.get(f"/records/async/{record['id']}")).raise_for_status()
                (await client.get("/records/async/me", params={"limit": 5})).raise_for_status()
            except (AssertionError, httpx.HTTPError) as failure:
                seen.failures.append(repr(failure))
            else:
                seen.uploads.add(signed["uploadId"])


async def server_sent_events(url, seen):
    """Follow the stream from the first event on, and resume it whenever the server ends it."""
    last = "0"
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        while True:
            headers = {"Authorization": f"Bearer {a_token()}", "Last-Event-ID": last}
            async with client.stream("GET", "/records/async/events", headers=headers) as events:
                if events.status_code != 200:
                    seen.failures.append(f"stream: {events.status_code}")
                with suppress(httpx.RemoteProtocolError):
                    async for line in events.aiter_lines():
                        if line.startswith("id: "):
                            last = line.removeprefix("id: ")
                        elif line.startswith("data: "):
                            seen.by_sse.add(json.loads(line.removeprefix("data: "))["uploadId"])
            seen.cut.append("stream")


async def socket_messages(url, seen):
    """Follow the WebSocket from the first event on, and resume it whenever the server closes it."""
    last = 0
    while True:
        live = f"{url.replace('http', 'ws', 1)}/records/async/live?lastEventId={last}"
        try:
            async with connect(live, subprotocols=["bearer", a_token()], origin=url, proxy=None) as socket:
                with suppress(ConnectionClosed):
                    async for text in socket:
                        message = json.loads(text)
                        last = message["eventId"]
                        seen.by_socket.add(message["uploadId"])
                seen.cut.append(socket.close_code)
        except (OSError, InvalidHandshake) as failure:
            seen.failures.append(repr(failure))


async def test_no_call_fails_and_no_event_is_missed(deployment, seen):
    stop = asyncio.Event()
    async with asyncio.timeout(DEADLINE), AsyncExitStack() as stack:
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        streams = [
            tasks.create_task(follow(deployment.url, seen))
            for follow in (server_sent_events, socket_messages)
        ]
        clients = [tasks.create_task(calls(deployment.url, seen, stop)) for _ in range(CLIENTS)]
        for port in deployment.ports:
            await deployment.replace(port)
        stop.set()
        await asyncio.gather(*clients)
        while not (seen.uploads <= seen.by_sse and seen.uploads <= seen.by_socket):  # noqa: ASYNC110 - see below
            await asyncio.sleep(0.05)  # until the streams have told everything
        for stream in streams:
            stream.cancel()
    assert seen.failures == []
    assert len(seen.uploads) > CLIENTS
    assert {"stream", 1012} <= set(seen.cut)
