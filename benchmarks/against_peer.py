"""Goals 1 to 3 and 5 to 7: orak and the FastAPI peer, each on its own database."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import requests, servers
from benchmarks.load import Make, Request, post, send
from benchmarks.requests import TOKEN, presigns
from benchmarks.rounds import Line, interleaved, line, microseconds, milliseconds, per_second
from benchmarks.servers import Server
from postgresql_server import Server as PostgresqlServer
from s3_servers import S3Server

_RECORDS = 200


@contextmanager
def both(
    folder: Path, kind: str, database: PostgresqlServer | None
) -> Iterator[tuple[S3Server, tuple[Server, Server]]]:
    """Start the peer and orak on one store, each on its own database: PostgreSQL, or SQLite without one."""
    if database is None:
        urls = {"peer": f"sqlite+aiosqlite:///{folder}/peer.db", "orak": f"sqlite:///{folder}/orak.db"}
    else:
        for name in ("peer", "orak"):
            database.sql(f"CREATE DATABASE {name}_{kind}")
        socket = database.folder
        urls = {
            "peer": f"postgresql+asyncpg://postgres@/peer_{kind}?host={socket}",
            "orak": database.url(f"orak_{kind}"),
        }
    with servers.store(folder) as store:
        s3 = servers.s3_settings(store)
        with (
            servers.peer(folder, s3 | {"DATABASE_URL": urls["peer"]}) as peer,
            servers.orak(folder, s3 | {"DATABASE_URL": urls["orak"]}) as orak,
        ):
            yield store, (peer, orak)


def presigning(folder: Path, database: PostgresqlServer, rounds: int) -> list[Line]:
    """Measure goals 1, 2 and 3."""
    with both(folder, "presign", database) as (_, pair):
        peer, orak = interleaved(
            pair,
            lambda _: presigns,
            TOKEN,
            requests=(1200, 8000),
            rounds=rounds,
            check=requests.check_presigned,
        )
    rates = (peer.rate, orak.rate)
    what = "presign, PostgreSQL, 16 connections"
    return [
        line("1", f"{what}: requests/s", rates, per_second, at_least=10, stretch=12),
        line("2", f"{what}: CPU a request", (peer.cpu, orak.cpu), microseconds, at_most=0.09, stretch=0.07),
        line("3", f"{what}: p99", (peer.p99, orak.p99), milliseconds, at_most=0.12, stretch=0.08),
    ]


def presigning_on_sqlite(folder: Path, rounds: int) -> list[Line]:
    """Measure goal 5."""
    with both(folder, "sqlite", None) as (_, pair):
        peer, orak = interleaved(
            pair,
            lambda _: presigns,
            TOKEN,
            requests=(800, 6000),
            rounds=rounds,
            check=requests.check_presigned,
        )
    rates = (peer.rate, orak.rate)
    return [
        line("5", "presign, SQLite, 16 connections: requests/s", rates, per_second, at_least=8, stretch=10)
    ]


def records(folder: Path, database: PostgresqlServer, rounds: int) -> list[Line]:
    """Measure goals 6 and 7, with the objects in a real S3 server."""
    with both(folder, "records", database) as (store, pair):
        creating = interleaved(
            pair,
            creates(store),
            TOKEN,
            requests=(_RECORDS, 4 * _RECORDS),
            rounds=rounds,
            check=requests.check_own,
        )
        own = list(range(1, _RECORDS + 1))
        reading = interleaved(
            pair,
            lambda _: requests.gets(own),
            TOKEN,
            requests=(1200, 6000),
            rounds=rounds,
            check=requests.check_own,
        )
        listing = interleaved(
            pair,
            lambda _: requests.lists,
            TOKEN,
            requests=(300, 1500),
            rounds=rounds,
            check=requests.check_page,
        )
    created = (creating[0].rate, creating[1].rate)
    read, listed = (tuple(side.cpu for side in sides) for sides in (reading, listing))
    return [
        line("6", "create, object present, queued: requests/s", created, per_second, at_least=6, stretch=8),
        line("7", "get a record: CPU a request", read, microseconds, at_most=0.10, stretch=0.06),
        line("7", "list of 50: CPU a request", listed, microseconds, at_most=0.12, stretch=0.07),
    ]


def creates(store: S3Server) -> Callable[[Server], Make]:
    """Return a maker of create requests. It first makes their uploads, and puts the objects into *store*."""

    def for_server(server: Server) -> Make:
        def make(wanted: int) -> list[Request]:
            signed = send(server.port, TOKEN, presigns(wanted))
            uploads = [json.loads(body) for body in signed.answers]
            for upload in uploads:
                store.client.put_object(
                    Bucket=servers.BUCKET, Key=upload["s3Key"], Body=b"abc", ContentType=requests.CONTENT_TYPE
                )
            return [post("/records/async", title=requests.TITLE, uploadId=one["uploadId"]) for one in uploads]

        return make

    return for_server
