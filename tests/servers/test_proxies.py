"""orak below a path, behind nginx and Caddy as the guide configures them."""

import asyncio
import json
import re

import httpx
import pytest
from websockets.asyncio.client import connect

from audio_samples import tone, write
from http_api import SECRET, create_record, presign, refusal, upload
from orak.client import AsyncOrakClient
from orak.entrypoints.settings.checks import InvalidSetting
from orak.entrypoints.settings.values import Settings
from proxies import PROXIES, a_deployed_proxy, a_proxy, free_port
from served import a_token, caller, served

DEADLINE = 60


@pytest.fixture(params=PROXIES)
async def url(request, tmp_path):
    """The URL of orak below the path of a proxy."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/orak"
    changes = {"public_url": url, "batch_enabled": True, "immediate_slots": 1}
    async with served(tmp_path / "data", **changes) as (server, _):
        with a_proxy(request.param, port, server.address[1]):
            yield url


@pytest.fixture
async def client(url):
    headers = {"Authorization": f"Bearer {a_token()}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=DEADLINE) as client:
        yield client


async def completed(lines):
    """Return the statuses of server-sent events until one is COMPLETED."""
    statuses = []
    async for line in lines:
        if line.startswith("data: "):
            statuses.append(json.loads(line.removeprefix("data: "))["processingStatus"])
            if statuses[-1] == "COMPLETED":
                return statuses
    raise AssertionError(statuses)


async def test_a_recording_is_made_followed_live_and_played(url, client, tmp_path):
    take = write(tmp_path / "take.wav", tone(), 0.5, "wav").read_bytes()
    socket_url = f"{url.replace('http', 'ws', 1)}/records/async/live"
    async with (
        asyncio.timeout(DEADLINE),
        client.stream("GET", "/records/async/events") as events,
        connect(
            socket_url, subprotocols=["bearer", a_token()], origin=url.removesuffix("/orak"), proxy=None
        ) as socket,
    ):
        lines = events.aiter_lines()
        assert (await anext(lines)).startswith("retry:")  # sent at once: nothing holds it back
        signed = await upload(client, take)
        assert signed["presignedUrl"].startswith(f"{url}/storage/recordings/")
        record = await create_record(client, signed)
        assert (await completed(lines))[-1] == "COMPLETED"
        while json.loads(await socket.recv())["processingStatus"] != "COMPLETED":
            pass
    record = (await client.get(f"/records/async/{record['id']}")).json()
    assert record["publicUrl"].startswith(f"{url}/media/published/")
    part = await client.get(record["publicUrl"], headers={"Range": "bytes=0-9"})
    assert (part.status_code, len(part.content)) == (206, 10)
    waveform = await client.get(record["waveformUrl"])
    assert len(waveform.json()["peaks"]) == 800


async def test_links_errors_and_redirects_hold_the_path(url, client):
    for _ in range(2):
        await create_record(client, await presign(client))
    first = await client.get("/records/async/me", params={"limit": 1})
    following = first.links["next"]["url"]
    assert following.startswith(f"{url}/records/async/me?")
    assert len((await client.get(following)).json()) == 1
    missing = await client.get("/records/async/404")
    assert refusal(missing) == (404, "RECORD_NOT_FOUND")
    assert missing.json()["error"]["path"] == "/orak/records/async/404"
    unknown = await client.get("/nowhere")
    assert unknown.json()["error"]["path"] == "/orak/nowhere"
    redirect = await client.get(url)
    assert redirect.is_redirect
    assert httpx.URL(url).join(redirect.headers["location"]) == f"{url}/"


@pytest.mark.parametrize("page", ["/", "/operator", "/docs", "/docs/"])
async def test_every_file_of_a_page_is_found(client, page):
    html = (await client.get(page)).raise_for_status()
    found = re.findall(r'(?:src|href)="([^"#]+)"', html.text)
    assert found
    for file in found:
        (await client.get(html.url.join(file))).raise_for_status()


async def test_the_api_document_names_the_server(url, client):
    document = (await client.get("/openapi.json")).json()
    assert document["servers"] == [{"url": url}]
    assert "/records/async" in document["paths"]


async def test_operators_and_webhooks_are_below_the_path(url):
    headers = {"Authorization": f"Bearer {a_token(scopes=('admin',))}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=DEADLINE) as operator:
        assert (await operator.get("/batch/statistics")).status_code == 200
        assert (await operator.get("/records/async/webhooks")).json() == []
        assert (await operator.get("/health/ready")).status_code == 200


async def test_the_python_client_takes_the_url_with_its_path(url, tmp_path):
    take = write(tmp_path / "take.wav", tone(), 0.3, "wav")
    async with asyncio.timeout(DEADLINE), AsyncOrakClient(url, a_token()) as orak:
        record = await orak.upload(take, "below a path", wait=30)
        assert record.public_url.startswith(f"{url}/media/")


@pytest.mark.parametrize("kind", ["nginx", "caddy"])
async def test_a_deployed_proxy_passes_operators_calls_from_their_network_alone(kind, tmp_path):
    port = free_port()
    options = {
        "base_url": f"http://127.0.0.1:{port}",
        "headers": {"Authorization": f"Bearer {a_token(scopes=('admin',))}"},
        "timeout": DEADLINE,
    }
    async with served(tmp_path / "data") as (server, _):
        with a_deployed_proxy(kind, port, (server.address[1], server.address[1])):
            elsewhere = httpx.AsyncHTTPTransport(local_address="127.0.0.2")
            async with (
                httpx.AsyncClient(**options) as operator,
                httpx.AsyncClient(transport=elsewhere, **options) as outside,
            ):
                for path in ("/batch/statistics", "/records/async/batch/statistics"):
                    assert (await operator.get(path)).status_code == 200
                    for written in (path, path.replace("batch", "%62atch"), f"/x/..{path}", f"/{path}"):
                        assert (await outside.get(written)).status_code in {403, 404}
                assert (await outside.get("/records/async/me")).status_code == 200
                assert (await operator.get("/metrics")).status_code == 404


async def test_orak_answers_without_the_path_too(tmp_path):
    settings = {"public_url": "http://127.0.0.1:1/orak"}
    async with served(tmp_path, **settings) as (server, client):
        for path in ("/health/live", "/orak/health/live"):
            assert (await client.get(path)).status_code == 200
        assert (await client.get("/orakel")).status_code == 404
        async with caller(server) as other:
            redirect = await other.get("/orak")
        assert (redirect.status_code, redirect.headers["location"]) == (308, "http://127.0.0.1:1/orak/")


@pytest.mark.parametrize("path", ["/records", "/media/orak", "/or ak", "/%6Frak", "//orak"])
def test_a_path_that_is_one_of_oraks_own_is_refused(path):
    with pytest.raises(InvalidSetting, match="PUBLIC_URL"):
        Settings(jwt_secret=SECRET, public_url=f"https://example.com{path}")
