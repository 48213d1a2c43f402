"""Goals 8 and 13, orak against itself: distant pages, and tables with a hundred times as many rows."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path
from re import search
from statistics import median
from urllib.parse import urlsplit

from benchmarks import requests, servers
from benchmarks.load import Make, Request, send
from benchmarks.requests import TOKEN, USER, presigns
from benchmarks.rounds import Line, line
from benchmarks.servers import Server
from orak.adapters.clock.system import SystemClock
from orak.adapters.persistence.sql import migrations
from orak.adapters.persistence.sql.database import SqlPersistence
from orak.application.ports.page import Page
from orak.domain.identity import UserId
from postgresql_server import Server as PostgresqlServer
from postgresql_wire import counting_proxy

_LEASE = timedelta(minutes=10)
_PAGE = 50
_TURNS = 7

_FILL = """
    INSERT INTO users SELECT {user} + number FROM generate_series(0, {users} - 1) AS number;
    INSERT INTO uploads (uuid, object_key, original_filename, extension, uploader_id, file_size, content_type,
        directory, processing_status, created_at, url_expires_at, version, attempt, failures, progress,
        not_before, turn, etag)
    SELECT gen_random_uuid(), 'recordings/' || number, 'recording.webm', 'webm', {user} + number % {users}, 3,
        'audio/webm', 'recordings', CASE WHEN number / {users} % 10 = 0 THEN 'UPLOADED' ELSE 'COMPLETED' END,
        now() - interval '1 day' + number * interval '1 ms', now() + interval '1 hour', 4, 1, 0, 100,
        '0001-01-01', CASE WHEN number / {users} % 10 = 0 THEN number END, '"e"'
    FROM generate_series(1, {uploads}) AS number;
    INSERT INTO records (user_id, upload_id, title, created_at, version)
    SELECT uploader_id, id, 'a recording', created_at, 1 FROM uploads;
    ANALYZE
"""


@dataclass(frozen=True)
class Grown:
    """A running orak with filled tables."""

    server: Server
    url: str
    records: int
    """Number of records; their ids are 1 to this number."""


@contextmanager
def grown(
    folder: Path, database: PostgresqlServer, name: str, *, uploads: int, users: int
) -> Iterator[Grown]:
    """Start orak on its own database with nine in ten uploads completed and the rest waiting."""
    database.sql(f"CREATE DATABASE {name}")
    migrations.upgrade(database.url(name))
    database.sql(*_FILL.format(uploads=uploads, users=users, user=USER).split(";"), database=name)
    with servers.orak(folder, {"DATABASE_URL": database.url(name)}) as server:
        yield Grown(server, database.url(name), uploads)


def far_page(folder: Path, database: PostgresqlServer, rounds: int) -> list[Line]:
    """Measure goal 8: page 200 of one caller's list against page 1."""
    with grown(folder, database, "pages", uploads=12_000, users=1) as orak:
        first = f"/records/async/me?limit={_PAGE}"
        far = _follow(orak.server.port, first, pages=199)
        near_seconds, far_seconds = asyncio.run(
            _alternately(
                rounds,
                *(
                    _latency(orak.server, lambda wanted, p=path: [Request("GET", p)] * wanted)
                    for path in (first, far)
                ),
            )
        )
        counted = asyncio.run(_statements(database, "pages"))
    return [
        line(
            "8",
            "list of 50 of 12,000: page 200 against page 1, wall",
            (near_seconds, far_seconds),
            _ms,
            at_most=1.1,
            stretch=1.05,
        ),
        line("8", "list: statements a page", ([], [float(counted)]), "{:.0f}".format, at_most=1),
    ]


def growth(folder: Path, database: PostgresqlServer, rounds: int) -> list[Line]:
    """Measure goal 13: each call with 100,000 uploads in the table against 1,000."""
    with ExitStack() as stack:
        # The caller has 100 records in both, so that the lists are equally long.
        pair = [
            stack.enter_context(grown(folder / name, database, name, uploads=size, users=size // 100))
            for name, size in (("short", 1_000), ("long", 100_000))
            if not (folder / name).mkdir()
        ]
        calls: dict[str, Callable[[Grown], Make]] = {
            "presign": lambda _: presigns,
            "list": lambda _: requests.lists,
            "get": _gets,
        }
        lines = []
        for what, made in calls.items():
            seconds = asyncio.run(_alternately(rounds, *(_latency(orak.server, made(orak)) for orak in pair)))
            lines.append(
                line("13", f"100,000 uploads against 1,000: {what}", seconds, _ms, at_most=1.2, stretch=1.05)
            )
        seconds = asyncio.run(_claims_of_both(pair, rounds))
        lines.append(
            line("13", "100,000 uploads against 1,000: claim", seconds, _ms, at_most=1.2, stretch=1.05)
        )
    return lines


async def _claims_of_both(pair: list[Grown], rounds: int) -> tuple[list[float], list[float]]:
    async with (
        SqlPersistence.open(pair[0].url, clock=SystemClock(), lease=_LEASE) as short,
        SqlPersistence.open(pair[1].url, clock=SystemClock(), lease=_LEASE) as long,
    ):

        def claiming(orak: SqlPersistence) -> Callable[[], Awaitable[float]]:
            async def claim() -> float:
                began = time.perf_counter()
                assert await orak.leases.claim()
                return time.perf_counter() - began

            return claim

        return await _alternately(min(rounds, 12), claiming(short), claiming(long))


async def _alternately(
    rounds: int, first: Callable[[], Awaitable[float]], second: Callable[[], Awaitable[float]]
) -> tuple[list[float], list[float]]:
    """Measure A B A B. A round is the median of several turns; the first round is a warm-up."""
    measured: tuple[list[float], list[float]] = [], []
    for number in range(rounds + 1):
        turns = [(await first(), await second()) for _ in range(_TURNS)]
        if number:
            for seconds, taken in zip(measured, zip(*turns, strict=True), strict=True):
                seconds.append(median(taken))
    return measured


def _latency(server: Server, make: Make) -> Callable[[], Awaitable[float]]:
    """Return a function that measures the median time of a call on one connection."""

    async def measure() -> float:
        load = send(server.port, TOKEN, make(60), connections=1)
        assert all(json.loads(answer) for answer in load.answers)
        return load.percentile(0.5)

    return measure


def _gets(orak: Grown) -> Make:
    """Return a maker of requests for the user's records from all parts of the table."""
    users = orak.records // 100
    return requests.gets([number for number in range(1, orak.records + 1) if number % users == 0])


def _follow(port: int, path: str, *, pages: int) -> str:
    """Follow *pages* next links; return the path of the last."""
    connection = HTTPConnection("127.0.0.1", port)
    for _ in range(pages):
        connection.request("GET", path, headers={"Authorization": f"Bearer {TOKEN}"})
        answer = connection.getresponse()
        answer.read()
        found = search("<(.*)>", answer.getheader("Link") or "")
        assert found, "the list has fewer pages"
        parts = urlsplit(found[1])
        path = f"{parts.path}?{parts.query}"
    connection.close()
    return path


async def _statements(database: PostgresqlServer, name: str) -> int:
    """Return the number of SQL statements for one page."""
    async with (
        counting_proxy(database) as proxy,
        SqlPersistence.open(proxy.url(name), clock=SystemClock(), lease=_LEASE) as orak,
    ):
        await orak.snapshots.of(UserId(USER), Page(limit=_PAGE))
        with proxy.counting() as counted:
            await orak.snapshots.of(UserId(USER), Page(limit=_PAGE))
    return len(counted.statements)


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:,.2f} ms"
