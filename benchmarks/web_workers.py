"""Goal 16: the CPU time of a request with two processes on the port, against one."""

from pathlib import Path
from statistics import median

from benchmarks import requests, servers
from benchmarks.load import send
from benchmarks.requests import TOKEN, presigns
from benchmarks.rounds import Line, interleaved, line, microseconds
from postgresql_server import Server as PostgresqlServer

_REQUESTS = 4000
_SHARE = 0.6
"""Of what one process can answer. Clients at full speed would keep both processes busier than one."""


def web_workers(folder: Path, database: PostgresqlServer, rounds: int) -> list[Line]:
    """Measure goal 16: presigns at a fixed rate, in turn."""
    # Each has its own database: both would read all events of a common one.
    for name in ("one_process", "two_processes"):
        database.sql(f"CREATE DATABASE {name}")
    with servers.store(folder) as store:
        s3 = servers.s3_settings(store)
        alone = s3 | {"DATABASE_URL": database.url("one_process")}
        shared = s3 | {"DATABASE_URL": database.url("two_processes"), "WEB_WORKERS": "2"}
        with (
            servers.orak(folder, alone, name="one") as one,
            servers.orak(folder, shared, name="two") as two,
        ):
            send(one.port, TOKEN, presigns(_REQUESTS))
            full = [send(one.port, TOKEN, presigns(_REQUESTS)).rate for _ in range(3)]
            by_one, by_two = interleaved(
                (one, two),
                lambda _: presigns,
                TOKEN,
                requests=(_REQUESTS, _REQUESTS),
                rounds=rounds,
                check=requests.check_presigned,
                rate=_SHARE * median(full),
            )
    what = "presign, WEB_WORKERS=2 against 1: CPU a request"
    return [line("16", what, (by_one.cpu, by_two.cpu), microseconds, at_most=1.05)]
