"""A real Prometheus with the configuration and the rules of `deploy/`."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import yaml

from alarms import PROMETHEUS

DEADLINE = 30

Sample = tuple[dict[str, str], float]
"""Labels and value."""


class Refused(Exception):
    """Prometheus cannot read an expression."""


class Prometheus:
    """Scrapes and evaluates every second, and asks no resolver for its targets."""

    def __init__(self, folder: Path, targets: dict[str, list[str]]) -> None:
        """Keep everything in *folder*. *targets* are the addresses of each job."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self._folder = folder
        config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
        config["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        config["rule_files"] = [str(PROMETHEUS / name) for name in config["rule_files"]]
        assert {job["job_name"] for job in config["scrape_configs"]} == set(targets)
        for job in config["scrape_configs"]:
            job.pop("dns_sd_configs", None)
            job["static_configs"] = [{"targets": targets[job["job_name"]]}]
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{self._port}/api/v1", timeout=DEADLINE)
        self._process: subprocess.Popen | None = None

    def start(self) -> None:
        program = shutil.which("prometheus")
        assert program, "Prometheus is not installed: `just test-servers` installs it"
        with (self._folder / "prometheus.log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    program,
                    f"--config.file={self._folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={self._folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self._port}",
                ],
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + DEADLINE
        while not self._answers():
            assert self._process.poll() is None, (self._folder / "prometheus.log").read_text()
            assert time.monotonic() < deadline, (self._folder / "prometheus.log").read_text()
            time.sleep(0.05)

    def kill(self) -> None:
        self._http.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def query(self, expression: str) -> list[Sample]:
        """Return the samples of *expression* now. Raise `Refused`."""
        answer = self._get("query", expression)
        if answer["resultType"] == "scalar":
            return [({}, float(answer["result"][1]))]
        return [(sample["metric"], float(sample["value"][1])) for sample in answer["result"]]

    def check(self, expression: str) -> None:
        """Raise `Refused` if Prometheus cannot read *expression*."""
        self._get("format_query", expression)

    def metrics(self, targets: Iterable[str]) -> set[str]:
        """Return the names of all series that *targets* expose."""
        return {
            found
            for target in targets
            for found in self._http.get(
                "label/__name__/values", params={"match[]": f'{{instance="{target}"}}'}
            )
            .raise_for_status()
            .json()["data"]
        }

    def _get(self, call: str, expression: str):
        answer = self._http.get(call, params={"query": expression})
        if answer.status_code == httpx.codes.BAD_REQUEST:
            raise Refused(f"{answer.json()['error']}: {expression}")
        return answer.raise_for_status().json()["data"]

    def _answers(self) -> bool:
        try:
            return self._http.get("query", params={"query": "1"}).is_success
        except httpx.TransportError:
            return False


@contextmanager
def a_prometheus(folder: Path, targets: dict[str, list[str]]) -> Iterator[Prometheus]:
    """Run Prometheus until the block ends."""
    server = Prometheus(folder, targets)
    server.start()
    try:
        yield server
    finally:
        server.kill()
