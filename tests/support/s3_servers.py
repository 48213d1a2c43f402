"""A real S3 server: `rclone serve s3`, which checks signatures."""

import asyncio
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import cached_property
from pathlib import Path

import boto3
import pytest
from msgspec.structs import replace

from orak.adapters.storage.s3_bucket import BucketSettings
from orak.adapters.storage.sigv4 import Credentials

DEADLINE = 20

KEYS = Credentials("AKIDORAKTESTS", "a secret that only tests know")

_RCLONE = str(Path(sys.executable).with_name("rclone"))


class S3Server:
    """A server that can be killed and restarted; its objects are files in a folder."""

    def __init__(self, folder: Path, allow_origin: str | None = None, keys: Credentials = KEYS) -> None:
        self.folder = folder
        self.keys = keys
        self._cors = [] if allow_origin is None else ["--allow-origin", allow_origin]
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen | None = None

    def settings(self, bucket: str) -> BucketSettings:
        """Return the settings of a bucket on this server."""
        return BucketSettings(bucket, "ap-northeast-2", self.url, credentials=self.keys)

    def start(self) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("RCLONE_")}
        self._process = subprocess.Popen(
            [
                _RCLONE, "serve", "s3", str(self.folder),
                "--addr", f"127.0.0.1:{self.port}",
                "--auth-key", f"{self.keys.access_key},{self.keys.secret_key}",
                "--config", os.devnull,
                *self._cors,
            ],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + DEADLINE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                assert self._process.poll() is None, "rclone did not start"
                assert time.monotonic() < deadline, "rclone does not answer"
                time.sleep(0.02)
            else:
                return

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def new_bucket(self) -> BucketSettings:
        """Create a bucket with boto3; return its settings."""
        bucket = f"orak-{secrets.token_hex(8)}"
        self.client.create_bucket(Bucket=bucket)
        return self.settings(bucket)

    @cached_property
    def client(self):
        """A third-party client of the server (boto3)."""
        return boto3.client(
            "s3",
            region_name="us-east-1",
            endpoint_url=self.url,
            aws_access_key_id=self.keys.access_key,
            aws_secret_access_key=self.keys.secret_key,
        )


@contextmanager
def an_s3_server(
    folder: Path, *, allow_origin: str | None = None, keys: Credentials = KEYS
) -> Iterator[S3Server]:
    """Run a server that accepts these *keys*; pages of *allow_origin* may call it."""
    server = S3Server(folder, allow_origin, keys)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@asynccontextmanager
async def breaking_connections(
    bucket: BucketSettings, *, max_received: int = 2**60, max_sent: int = 2**60
) -> AsyncIterator[BucketSettings]:
    """Put a proxy before the server that breaks a connection after this many bytes."""
    port = int(bucket.endpoint_url.rpartition(":")[2])

    async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter, limit: int) -> None:
        with suppress(OSError):
            while limit > 0 and (chunk := await source.read(min(limit, 65_536))):
                limit -= len(chunk)
                target.write(chunk)
                await target.drain()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        downstream, upstream = await asyncio.open_connection("127.0.0.1", port)
        pumps = [
            asyncio.create_task(pump(reader, upstream, max_sent)),
            asyncio.create_task(pump(downstream, writer, max_received)),
        ]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for end in (writer, upstream):
            end.transport.abort()
        await asyncio.wait(pumps)

    async with await asyncio.start_server(carry, "127.0.0.1", 0) as proxy:
        yield replace(bucket, endpoint_url=f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}")


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory):
    """Start one server for all tests of this process."""
    with an_s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server
