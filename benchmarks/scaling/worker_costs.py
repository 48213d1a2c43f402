"""One and two workers on the same takes: throughput, seconds of a conversion, and delays in a queue."""

import json
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from redis import Redis

from benchmarks import conversion, requests, servers
from benchmarks.load import post, send
from benchmarks.requests import TOKEN
from benchmarks.servers import Server
from benchmarks.takes import write_singing
from postgresql_server import Server as PostgresqlServer
from redis_server import a_redis_server
from s3_servers import S3Server

_LENGTHS = (5, 10, 20, 40)
"""Seconds of the recordings that are converted, in turn."""
_PATIENCE = 600
_TIMES = """
    SELECT upload_id,
        extract(epoch FROM min(at) FILTER (WHERE type = 'RecordCreated')),
        extract(epoch FROM min(at) FILTER (WHERE type = 'ProcessingStarted')),
        extract(epoch FROM max(at) FILTER (WHERE type = 'ProcessingCompleted'))
    FROM events GROUP BY upload_id HAVING count(*) FILTER (WHERE type = 'ProcessingCompleted') = 1
"""


@dataclass(frozen=True)
class Converted:
    """When one take was created, began to be converted, and was completed, in seconds; and its length."""

    created: float
    began: float
    ended: float
    seconds: float


@dataclass
class Workshop:
    """`serve`, which converts nothing, and workers with one conversion at a time each."""

    server: Server
    store: S3Server
    sources: dict[int, bytes]
    database: PostgresqlServer
    name: str
    redis: Redis
    workers: list[int]
    """Their process ids."""

    def uploads(self, number: int, chance: random.Random) -> list[tuple[int, int]]:
        """Upload *number* takes; return the id and the length of each."""
        lengths = [chance.choice(_LENGTHS) for _ in range(number)]
        signed = send(
            self.server.port,
            TOKEN,
            [
                post(
                    "/records/async/presigned-url",
                    originalFilename=requests.file_name(),
                    fileSize=len(self.sources[length]),
                    contentType=requests.CONTENT_TYPE,
                )
                for length in lengths
            ],
        )
        answers = [json.loads(body) for body in signed.answers]
        for answer, length in zip(answers, lengths, strict=True):
            self.store.client.put_object(
                Bucket=servers.BUCKET,
                Key=answer["s3Key"],
                Body=self.sources[length],
                ContentType=requests.CONTENT_TYPE,
            )
        return [(answer["uploadId"], length) for answer, length in zip(answers, lengths, strict=True)]

    def converted(self, uploads: Sequence[tuple[int, int]], pauses: Sequence[float]) -> list[Converted]:
        """Create the records, each after its pause, and wait for all conversions.

        Raises:
            RuntimeError: they are not completed within ten minutes.
        """
        at = time.monotonic()
        for (upload, _), pause in zip(uploads, pauses, strict=True):
            at += pause
            time.sleep(max(0.0, at - time.monotonic()))
            created = post("/records/async", title=requests.TITLE, uploadId=upload)
            send(self.server.port, TOKEN, [created], connections=1)
        lengths, deadline = dict(uploads), time.monotonic() + _PATIENCE
        while True:
            rows = [row.split("|") for row in self.database.sql(_TIMES, database=self.name).splitlines()]
            done = [
                Converted(float(created), float(began), float(ended), lengths[int(upload)])
                for upload, created, began, ended in rows
                if int(upload) in lengths
            ]
            if len(done) == len(uploads):
                return sorted(done, key=lambda one: one.created)
            if time.monotonic() > deadline:
                raise RuntimeError(f"{len(uploads) - len(done)} takes are not converted")
            time.sleep(1)

    def redis_seconds(self) -> float:
        """Return the CPU seconds of Redis so far."""
        used = self.redis.info("cpu")
        return float(used["used_cpu_sys"]) + float(used["used_cpu_user"])


@contextmanager
def a_workshop(folder: Path, database: PostgresqlServer, workers: int) -> Iterator[Workshop]:
    """Run `serve` and *workers* on PostgreSQL, S3 and Redis."""
    name = f"workers_{workers}"
    database.sql(f"CREATE DATABASE {name}")
    folder = folder / name
    folder.mkdir()
    sources = {length: write_singing(folder / f"{length}.webm", length).read_bytes() for length in _LENGTHS}
    with ExitStack() as stack:
        redis = stack.enter_context(a_redis_server())
        store = stack.enter_context(servers.store(folder))
        environment = servers.s3_settings(store) | {
            "DATABASE_URL": database.url(name),
            "REDIS_URL": redis.url,
            "BATCH_ENABLED": "true",
            "BATCH_MAX_CONCURRENT": "1",
            "JWT_SECRET": servers.SECRET,
        }
        server = stack.enter_context(servers.orak(folder, environment, path="/health/ready"))
        pids = [
            stack.enter_context(servers.worker(folder, environment, name=f"worker {number}"))
            for number in range(workers)
        ]
        client = stack.enter_context(Redis.from_url(redis.url))
        yield Workshop(server, store, sources, database, name, client, pids)


def converter_seconds(folder: Path) -> tuple[float, float]:
    """Return base and slope of the CPU seconds of a conversion alone, over the length of a take."""
    short, long = _LENGTHS[0], _LENGTHS[-1]
    spent = [
        conversion.by_orak(write_singing(folder / f"{length}.webm", length), folder).cpu
        for length in (short, long)
    ]
    slope = (spent[1] - spent[0]) / (long - short)
    return spent[0] - slope * short, slope


def line_through(found: Sequence[Converted]) -> tuple[float, float]:
    """Return base and slope of the seconds of a conversion over the length of its take: least squares."""
    lengths = [one.seconds for one in found]
    spent = [one.ended - one.began for one in found]
    mean_length, mean_spent = sum(lengths) / len(found), sum(spent) / len(found)
    slope = sum((x - mean_length) * (y - mean_spent) for x, y in zip(lengths, spent, strict=True)) / sum(
        (x - mean_length) ** 2 for x in lengths
    )
    return max(0.0, mean_spent - slope * mean_length), slope
