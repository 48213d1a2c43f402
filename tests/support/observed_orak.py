"""One API process and two workers that a real Prometheus watches."""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx

from alarms import dashboard_queries
from audio_samples import garbage, tone, write
from orak.adapters.auth.issuing import issue_token
from orak.adapters.clock.system import SystemClock
from orak.adapters.persistence.sql.migrations import upgrade
from orak.client import OrakClient
from orak.domain.identity import UserId
from postgresql_server import Server
from prometheus_server import Prometheus, a_prometheus
from proxies import free_port
from redis_server import a_redis_server
from reliability.processes import OrakProcess
from s3_servers import KEYS, an_s3_server

SECRET = "the signing secret of an observed deployment"
DEADLINE = 90

_A_DAY = timedelta(days=1)
_STATES = "SELECT processing_status, count(*) FROM uploads GROUP BY 1"

LATE, BROKEN = 3, 7
"""Of ten takes, the one whose record comes before its bytes, and the one that is no audio."""

WORKERS = 2

COUNTED = {
    'sum(record_presigned_url_generation_seconds_count{outcome="ok"})': "UploadRequested",
    'sum(record_creation_seconds_count{outcome="ok"})': "RecordCreated",
    'sum(s3_uploads_total{outcome=~"arrived|late"})': "UploadReceived",
    'sum(orak_conversions_total{outcome="completed"})': "ProcessingCompleted",
    'sum(orak_conversions_total{outcome="failed"})': "ProcessingFailed",
    "sum(orak_conversion_queue_seconds_count)": "ProcessingStarted",
    "sum(orak_conversion_seconds_count)": "ProcessingCompleted",
    "sum(orak_immediate_starts_total)": "RecordCreated",
}
"""What the processes count, and the events in the database that it has to equal."""

STATES = {
    'max(orak_uploads{state="failed"})': "FAILED",
    "max(batch_processing_queue_depth)": "UPLOADED",
    "max(batch_processing_active_jobs)": "PROCESSING",
}
"""What every process reads from the database, and the state of the uploads that it has to equal."""


@dataclass
class Observed:
    """A deployment, its database, and the Prometheus that watches it."""

    api: str
    database: Server
    prometheus: Prometheus
    workers: list[OrakProcess]
    targets: list[str]
    run: Callable[..., OrakProcess]
    """Runs one more command under a name, which is also the name of its data folder."""

    def tally(self, query: str) -> Counter[str]:
        """Return the counts of a query for names and counts."""
        rows = (line.split("|") for line in self.database.sql(query).splitlines())
        return Counter({name: int(count) for name, count in rows})


@contextmanager
def an_observed_orak(folder: Path) -> Iterator[Observed]:
    """Run the deployment on PostgreSQL, Redis and S3 until the block ends."""
    with ExitStack() as stack:
        database = Server()
        stack.callback(database.close)
        database.start()
        upgrade(database.url())
        (folder / "s3").mkdir()
        bucket = stack.enter_context(an_s3_server(folder / "s3")).new_bucket()
        environment = {
            "JWT_SECRET": SECRET,
            "DATABASE_URL": database.url(),
            "REDIS_URL": stack.enter_context(a_redis_server()).url,
            "S3_BUCKET_NAME": bucket.bucket,
            "S3_REGION": bucket.region,
            "S3_ENDPOINT_URL": bucket.endpoint_url,
            "AWS_ACCESS_KEY_ID": KEYS.access_key,
            "AWS_SECRET_ACCESS_KEY": KEYS.secret_key,
            "IMMEDIATE_SLOTS": "1",
            "BATCH_INTERVAL_MS": "1000",
            "SWEEP_INTERVAL_MS": "1000",
            "LEASE_SECONDS": "10",  # objects of a deleted record go two leases later
            "HEARTBEAT_SECONDS": "2",
        }

        def run(name: str, *command: str, **settings: str) -> OrakProcess:
            data = ["--data-dir", str(folder / name)]
            process = OrakProcess([*command, *data], environment | settings, folder / f"{name}.log")
            process.start()
            stack.callback(process.kill)
            return process

        api, *ports = (free_port() for _ in range(1 + WORKERS))
        run("api", "serve", "--port", str(api))
        workers = [run(f"worker-{port}", "worker", METRICS_PORT=str(port)) for port in ports]
        targets = [f"127.0.0.1:{port}" for port in (api, *ports)]
        (folder / "prometheus").mkdir()
        prometheus = stack.enter_context(
            a_prometheus(folder / "prometheus", {"orak-api": targets[:1], "orak-worker": targets[1:]})
        )

        def all_up() -> bool:
            logs = "\n".join(log.read_text() for log in folder.glob("*.log"))
            assert "error:" not in logs, logs
            return sum(value for _, value in prometheus.query("up")) == len(targets)

        until(all_up, lambda: prometheus.query("up"))
        yield Observed(f"http://{targets[0]}", database, prometheus, workers, targets, run)


def make_takes(observed: Observed, folder: Path, takes: int) -> None:
    """Upload *takes* recordings, four at once, wait until each is decided, and delete the first."""
    good = write(folder / "take.wav", tone(), 0.5, "wav")
    broken = folder / "broken.wav"
    broken.write_bytes(garbage(seed=1))

    def one(number: int) -> int:
        token = issue_token(SECRET, UserId(1 + number % 5), (), _A_DAY, SystemClock().now())
        with OrakClient(observed.api, token) as client:
            if number % 10 == LATE:
                signed = client.presign(good.name, good.stat().st_size, create_only=False)
                record = client.create(f"take {number}", signed.upload_id)
                client.put(signed, good)
                return record.id
            return client.upload(broken if number % 10 == BROKEN else good, f"take {number}").id

    with ThreadPoolExecutor(4) as callers:
        records = list(callers.map(one, range(takes)))
    until(
        lambda: sum(observed.tally(_STATES)[state] for state in ("COMPLETED", "FAILED")) == takes,
        lambda: observed.tally(_STATES),
    )
    httpx.delete(f"{observed.api}/records/async/{records[0]}", headers=headers()).raise_for_status()


def headers() -> dict[str, str]:
    """Return the headers of a call of user 1."""
    token = issue_token(SECRET, UserId(1), (), _A_DAY, SystemClock().now())
    return {"Authorization": f"Bearer {token}"}


def compare(observed: Observed) -> dict[str, tuple[float, int]]:
    """Wait until Prometheus agrees with the database; return each figure and its count in the database."""

    def figures() -> dict[str, tuple[float, int]]:
        events = observed.tally("SELECT type, count(*) FROM events GROUP BY 1")
        states = observed.tally(_STATES)
        in_database = {query: events[event] for query, event in COUNTED.items()}
        in_database |= {query: states[state] for query, state in STATES.items()}
        return {query: (value_of(observed.prometheus, query), count) for query, count in in_database.items()}

    until(lambda: all(value == count for value, count in figures().values()), figures)
    return figures()


def fill_dashboard(observed: Observed) -> dict[str, list]:
    """Run every query of the dashboard; wait until each has data; return the samples of each."""

    def answers() -> dict[str, list]:
        return {
            name: [
                sample
                for sample in observed.prometheus.query(query.replace("$__rate_interval", "5m"))
                if not math.isnan(sample[1])
            ]
            for name, query in dashboard_queries().items()
        }

    def empty() -> list[str]:
        return [name for name, samples in answers().items() if not samples]

    until(lambda: not empty(), lambda: f"no data: {empty()}")
    return answers()


def value_of(prometheus: Prometheus, query: str) -> float:
    """Return the only value of *query*; NaN if it has none yet."""
    values = [value for _, value in prometheus.query(query)]
    assert len(values) <= 1, query
    return values[0] if values else math.nan


def until(holds: Callable[[], bool], state: Callable[[], object]) -> None:
    """Wait until *holds*; fail with *state* after the deadline."""
    deadline = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < deadline, state()
        time.sleep(0.2)  # other processes set no event
