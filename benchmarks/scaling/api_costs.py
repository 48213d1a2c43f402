"""One and two API processes on the same load, and the CPU of API and PostgreSQL for each call."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks import requests, servers
from benchmarks.against_peer import creates
from benchmarks.load import Load, Make, send
from benchmarks.requests import TOKEN, presigns
from benchmarks.servers import Server
from postgresql_server import Server as PostgresqlServer

_CREATED = 200


@dataclass
class Call:
    """The figures of one call on one server, one for each round."""

    rate: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    """Seconds of the API processes for one request."""
    database: list[float] = field(default_factory=list)
    """Seconds of the PostgreSQL processes for one request."""
    p99: list[float] = field(default_factory=list)

    @property
    def medians(self) -> tuple[float, float, float, float]:
        """Return the medians of rate, CPU, CPU of PostgreSQL, and p99."""
        return median(self.rate), median(self.cpu), median(self.database), median(self.p99)


Calls = dict[str, tuple[Call, Call]]
"""By the name of the call: figures with one process, and with two."""


def measure(folder: Path, database: PostgresqlServer, rounds: int) -> Calls:
    """Load one and two processes in turn; the first round is not counted."""
    postgresql = Server("postgresql", 0, database.pid, 0)
    found: Calls = {name: (Call(), Call()) for name in ("presign", "create", "get", "list")}
    with _pair(folder, database) as (pair, make_creates):
        for number in range(rounds + 1):
            for place, server in enumerate(pair):
                for name, wanted, make, check in _loads(server, make_creates):
                    made = make(wanted)
                    before = server.cpu_seconds(), postgresql.cpu_seconds()
                    load = send(server.port, TOKEN, made, keep=max(1, wanted // 50))
                    used = server.cpu_seconds() - before[0], postgresql.cpu_seconds() - before[1]
                    check(server, load)
                    if number:
                        call = found[name][place]
                        call.rate.append(load.rate)
                        call.cpu.append(used[0] / wanted)
                        call.database.append(used[1] / wanted)
                        call.p99.append(load.percentile(0.99))
    return found


def _loads(
    server: Server, make_creates: Callable[[Server], Make]
) -> Iterator[tuple[str, int, Make, Callable[[Server, Load], None]]]:
    yield "presign", 3000, presigns, requests.check_presigned
    yield "create", _CREATED, make_creates(server), requests.check_own
    own = list(range(1, _CREATED + 1))
    yield "get", 3000, requests.gets(own), requests.check_own
    yield "list", 600, requests.lists, requests.check_page


@contextmanager
def _pair(
    folder: Path, database: PostgresqlServer
) -> Iterator[tuple[tuple[Server, Server], Callable[[Server], Make]]]:
    # Each has its own database: both would read all events of a common one.
    for name in ("api_one", "api_two"):
        database.sql(f"CREATE DATABASE {name}")
    with servers.store(folder) as store:
        s3 = servers.s3_settings(store)
        one = s3 | {"DATABASE_URL": database.url("api_one")}
        two = s3 | {"DATABASE_URL": database.url("api_two"), "WEB_WORKERS": "2"}
        with (
            servers.orak(folder, one, name="one") as single,
            servers.orak(folder, two, name="two") as double,
        ):
            yield (single, double), creates(store)
