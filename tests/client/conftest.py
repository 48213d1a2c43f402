import asyncio
import threading

import httpx
import pytest

from orak.adapters.audio.sung_sample import write_sung_sample
from orak.client import AsyncOrakClient, OrakClient
from orak.entrypoints.cli.http_server import serving
from orak.entrypoints.cli.listeners import listen
from orak.entrypoints.cli.tokens import signed_token
from orak.entrypoints.settings.values import Settings
from scripted_api import ScriptedApi


class Awaited:
    """An asyncio client with the interface of the blocking one, so that each test runs with both."""

    def __init__(self, client: AsyncOrakClient, runner: asyncio.Runner) -> None:
        self._client = client
        self._runner = runner

    def __getattr__(self, name):
        def call(*args, **kwargs):
            return self._runner.run(getattr(self._client, name)(*args, **kwargs))

        return call

    @property
    def batch(self):
        return Awaited(self._client.batch, self._runner)

    def records(self):
        return self._all(self._client.records())

    def orphans(self):
        return self._all(self._client.orphans())

    def failures(self):
        return self._all(self._client.failures())

    def events(self, after=None):
        """Yield one event at a time, as it comes."""
        items = self._client.events(after)
        try:
            while True:
                yield self._runner.run(anext(items))
        finally:
            self._runner.run(items.aclose())

    def _all(self, items):
        async def all_of_them():
            return [item async for item in items]

        return iter(self._runner.run(all_of_them()))


@pytest.fixture(params=["blocking", "asyncio"])
def client_of(request):
    """Open clients of each kind; close them at the end."""
    if request.param == "blocking":
        clients = []

        def open_client(*args, **kwargs):
            clients.append(OrakClient(*args, **kwargs))
            return clients[-1]

        yield open_client
        for client in clients:
            client.close()
        return
    with asyncio.Runner() as runner:
        opened = []

        def open_client(*args, **kwargs):
            opened.append(Awaited(AsyncOrakClient(*args, **kwargs), runner))
            return opened[-1]

        yield open_client
        for client in opened:
            client.close()


@pytest.fixture
def scripted(client_of):
    """Open a client of an API that gives these answers; return both."""

    def scripted(*answers):
        api = ScriptedApi(*answers)
        return client_of("http://orak.test", "secret-token", transport=httpx.MockTransport(api)), api

    return scripted


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """Settings of a real server on a free port."""
    listener = listen("127.0.0.1", 0)
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("orak"), port=listener.getsockname()[1], jwt_secret="s" * 32
    )
    ready, loop = threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve():
        async with serving(settings, listener):
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert ready.wait(30)
    yield settings
    loop.call_soon_threadsafe(stop.set)
    thread.join(30)
    loop.close()


@pytest.fixture
def token_of(server):
    def token_of(user, *scopes):
        return signed_token(server, server.jwt_secret, user, scopes, 1)

    return token_of


@pytest.fixture
def orak(client_of, server, token_of):
    return client_of(server.base_url, token_of(1), language="en")


@pytest.fixture
def operator(client_of, server, token_of):
    return client_of(server.base_url, token_of(99, "admin"), language="en")


@pytest.fixture
def expired_token(server):
    return signed_token(server, server.jwt_secret, 1, (), -1)


@pytest.fixture(scope="session")
def recording(tmp_path_factory):
    """Twelve seconds of singing."""
    file = tmp_path_factory.mktemp("recordings") / "recording.webm"
    write_sung_sample(file)
    return file
