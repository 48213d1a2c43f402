"""`just bench [GOAL...]`: measure orak against its peers and print the table of goals."""

import argparse
import asyncio
import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs, urlsplit

import jwt

from audio_samples import chord, write, write_silence
from benchmarks import conversion, growth, loudness, servers
from benchmarks.load import Load, Make, Request, post, send
from benchmarks.rounds import Line, interleaved, line
from benchmarks.servers import SECRET, Server
from postgresql_server import Server as PostgresqlServer
from s3_servers import KEYS, an_s3_server

_TOKEN = jwt.encode({"sub": "7", "exp": int(time.time()) + 86_400}, SECRET, "HS256")
_UPLOAD = {"fileSize": 3, "contentType": "audio/webm"}
_S3 = {
    "S3_BUCKET_NAME": "uploads",
    "S3_REGION": "ap-northeast-2",
    "S3_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_ACCESS_KEY_ID": KEYS.access_key,
    "AWS_SECRET_ACCESS_KEY": KEYS.secret_key,
    "AWS_DEFAULT_REGION": "ap-northeast-2",
}
_number = count()


def microseconds(seconds: float) -> str:
    """Format a time in µs."""
    return f"{seconds * 1e6:,.0f} µs"


def milliseconds(seconds: float) -> str:
    """Format a time in ms."""
    return f"{seconds * 1e3:,.1f} ms"


def per_second(rate: float) -> str:
    """Format a rate."""
    return f"{rate:,.0f}/s"


def presigns(requests: int) -> list[Request]:
    """Return requests for presigned URLs, each with its own file name."""
    path = "/records/async/presigned-url"
    return [
        post(path, originalFilename=f"recording {next(_number)}.webm", **_UPLOAD) for _ in range(requests)
    ]


def check_presigned(_server: Server, load: Load) -> None:
    """Check that each answer has its own upload and a signed URL."""
    answers = [json.loads(body) for body in load.answers]
    assert len({answer["uploadId"] for answer in answers}) == len(answers)
    for answer in answers:
        url = urlsplit(answer["presignedUrl"])
        assert len(parse_qs(url.query)["X-Amz-Signature"][0]) == 64
        assert answer["s3Key"].startswith("recordings/")


def check_own(_server: Server, load: Load) -> None:
    """Check that each answer is a record of the caller."""
    assert all(json.loads(body)["userId"] == 7 for body in load.answers)


def check_page(_server: Server, load: Load) -> None:
    """Check that each answer is a full page."""
    assert all(len(json.loads(body)) == 50 for body in load.answers)


@contextmanager
def both(
    folder: Path, kind: str, database: PostgresqlServer | None, s3: dict[str, str]
) -> Iterator[tuple[Server, Server]]:
    """Start the peer and orak, each on its own database."""
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
    with (
        servers.peer(folder, s3 | {"DATABASE_URL": urls["peer"]}) as peer,
        servers.orak(folder, s3 | {"DATABASE_URL": urls["orak"]}) as orak,
    ):
        yield peer, orak


def presign_goals(folder: Path, database: PostgresqlServer | None, rounds: int) -> list[Line]:
    """Measure goals 1, 2 and 3 on PostgreSQL, or goal 5 on SQLite."""
    kind = "sqlite" if database is None else "presign"
    with both(folder, kind, database, _S3) as pair:
        peer, orak = interleaved(
            pair, lambda _: presigns, _TOKEN, requests=1500, rounds=rounds, check=check_presigned
        )
    if database is None:
        rates = (peer.rate, orak.rate)
        return [line("5", "presign requests/s, SQLite", rates, per_second, at_least=4)]
    rates = (peer.rate, orak.rate)
    return [
        line("1", "presign requests/s, PostgreSQL, 16 connections", rates, per_second, at_least=8),
        line("2", "presign server CPU a request", (peer.cpu, orak.cpu), microseconds, at_most=0.12),
        line("3", "presign p99", (peer.p99, orak.p99), milliseconds, at_most=0.15),
    ]


def record_goals(folder: Path, database: PostgresqlServer, rounds: int) -> list[Line]:
    """Measure goals 6 and 7, with the objects in a real S3 server."""
    requests = 200
    (folder / "s3").mkdir()
    with an_s3_server(folder / "s3") as store:
        store.client.create_bucket(Bucket="uploads")
        s3 = _S3 | {"S3_ENDPOINT_URL": store.url}
        with both(folder, "records", database, s3) as pair:

            def creates(server: Server) -> Make:
                def make(wanted: int) -> list[Request]:
                    load = asyncio.run(send(server.port, _TOKEN, presigns(wanted)))
                    for body in load.answers:
                        key = json.loads(body)["s3Key"]
                        store.client.put_object(
                            Bucket="uploads", Key=key, Body=b"abc", ContentType=_UPLOAD["contentType"]
                        )
                    uploads = [json.loads(body)["uploadId"] for body in load.answers]
                    return [post("/records/async", title="첫 노래", uploadId=upload) for upload in uploads]

                return make

            def check_created(_server: Server, load: Load) -> None:
                assert all(json.loads(body)["processingStatus"] == "PROCESSING" for body in load.answers)

            creating = interleaved(
                pair, creates, _TOKEN, requests=requests, rounds=rounds, check=check_created
            )
            reading = interleaved(
                pair,
                lambda _: (
                    lambda wanted: [
                        Request("GET", f"/records/async/{1 + number % requests}") for number in range(wanted)
                    ]
                ),
                _TOKEN,
                requests=1500,
                rounds=rounds,
                check=check_own,
            )
            listing = interleaved(
                pair,
                lambda _: lambda wanted: [Request("GET", "/records/async/me?limit=50")] * wanted,
                _TOKEN,
                requests=300,
                rounds=rounds,
                check=check_page,
            )
    created = (creating[0].rate, creating[1].rate)
    return [
        line("6", "create-record requests/s (object present, queued)", created, per_second, at_least=3),
        line("7", "get-record: CPU a request", (reading[0].cpu, reading[1].cpu), microseconds, at_most=0.3),
        line("7", "list of 50: CPU a request", (listing[0].cpu, listing[1].cpu), microseconds, at_most=0.3),
    ]


def conversion_goals(folder: Path, rounds: int) -> list[Line]:
    """Measure goals 9 and 10; without ffmpeg, compare orak only with itself."""
    source = write(folder / "source.webm", chord(), 180)
    lines = []
    sample = "3 min chord, webm to AAC"
    peer, orak = conversion.Cost(), conversion.Cost()
    for _ in range(rounds):
        if conversion.ffmpeg():
            cpu, memory = conversion.by_ffmpeg(source, folder)
            peer.cpu.append(cpu)
            peer.memory.append(memory)
        cpu, memory = conversion.by_orak(source, folder)
        orak.cpu.append(cpu)
        orak.memory.append(memory)
    if peer.cpu:
        lines += [
            line(
                "9",
                f"conversion with loudness, CPU ({sample})",
                (peer.cpu, orak.cpu),
                milliseconds,
                at_most=0.8,
            ),
            line(
                "10",
                f"conversion peak memory ({sample})",
                (peer.memory, orak.memory),
                megabytes,
                at_most=1.3,
            ),
        ]
    # Silence is quick to write, and converting it takes as much memory as any other sound.
    short, long = [
        conversion.by_orak(write_silence(folder / f"{minutes}.aac", 60 * minutes), folder, silent=True)[1]
        for minutes in (3, 30)
    ]
    lines.append(
        line("10", "conversion peak memory, 30 min / 3 min", ([short], [long]), megabytes, at_most=1.1)
    )
    return lines


def megabytes(size: float) -> str:
    """Format a size in MB."""
    return f"{size / 1e6:.0f} MB"


def main(goals: set[str], rounds: int) -> None:
    """Run *goals*, or all if empty, and print each line of the table as it is measured."""
    print("| # | what | peer | orak | ratio (rounds) | goal | |\n| --- | --- | --- | --- | --- | --- | --- |")
    runs: list[tuple[set[str], Callable[[Path, PostgresqlServer], Iterable[Line | str]]]] = [
        ({"1", "2", "3"}, lambda folder, database: presign_goals(folder, database, rounds)),
        ({"5"}, lambda folder, _: presign_goals(folder, None, rounds)),
        ({"6", "7"}, lambda folder, database: record_goals(folder, database, rounds)),
        ({"8"}, lambda folder, database: growth.far_page(folder, database, _TOKEN, rounds)),
        ({"12"}, lambda folder, database: growth.claims(folder, database, rounds)),
        ({"13"}, lambda folder, database: growth.growth(folder, database, _TOKEN, presigns, rounds)),
        ({"9", "10"}, lambda folder, _: conversion_goals(folder, rounds)),
        ({"14"}, lambda folder, _: loudness.promises(folder)),
    ]
    with ExitStack() as stack:
        database = PostgresqlServer()
        stack.callback(database.close)
        database.start()
        for names, run in runs:
            if not goals or goals & names:
                with TemporaryDirectory(prefix="orak-bench-") as folder:
                    for found in run(Path(folder), database):
                        print(found, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="just bench", description=__doc__)
    parser.add_argument("goals", nargs="*", help="numbers of the goals to measure; default: all")
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds; default: 5")
    arguments = parser.parse_args()
    main(set(arguments.goals), arguments.rounds)
