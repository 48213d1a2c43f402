"""A Redis primary with a replica, watched by three sentinels."""

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from redis import Redis

DEADLINE = 30
SERVICE = "orak-primary"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Guarded:
    """The servers; `url` is what orak is configured with."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: dict[int, subprocess.Popen] = {}
        self.servers = [_free_port(), _free_port()]
        self.sentinels = [_free_port() for _ in range(3)]
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.sentinels)
        self.url = f"redis+sentinel://{hosts}/{SERVICE}/0"

    def start(self) -> None:
        primary, replica = self.servers
        self._start("redis-server", primary)
        self._start("redis-server", replica, f"replicaof 127.0.0.1 {primary}")
        for port in self.sentinels:
            self._start(
                "redis-sentinel",
                port,
                f"sentinel monitor {SERVICE} 127.0.0.1 {primary} 2",
                f"sentinel down-after-milliseconds {SERVICE} 500",
                f"sentinel failover-timeout {SERVICE} 2000",
            )
        # A failover needs sentinels that know each other and the replica.
        for port in self.sentinels:
            self._until(lambda port=port: self._known(port) == ("1", "2"))
        self._until(lambda: self._ask(primary, "INFO", "replication")["connected_slaves"] == 1)

    @property
    def primary(self) -> int:
        _, port = self._ask(self.sentinels[-1], "SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)
        return int(port)

    def kill(self, port: int) -> None:
        process = self._processes.pop(port)
        process.kill()
        process.wait()

    def fail_over(self) -> None:
        """Let the replica take over; the old primary becomes its replica."""
        self._ask(self.sentinels[-1], "SENTINEL", "FAILOVER", SERVICE)

    def close(self) -> None:
        for port in list(self._processes):
            self.kill(port)

    def _start(self, program: str, port: int, *lines: str) -> None:
        path = shutil.which(program)
        assert path, f"{program} is not installed: `just test-servers` installs it"
        conf = self._folder / f"{port}.conf"
        conf.write_text("\n".join([f"port {port}", "bind 127.0.0.1", f"dir {self._folder}", *lines, ""]))
        if program == "redis-server":
            conf.write_text(f'{conf.read_text()}save ""\nrepl-diskless-sync-delay 0\n')
        self._processes[port] = subprocess.Popen(
            [path, conf], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._until(lambda: self._answers(port))

    def _answers(self, port: int) -> bool:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return True
        return False

    def _known(self, port: int) -> tuple[str, str]:
        flat = self._ask(port, "SENTINEL", "MASTER", SERVICE)
        return str(flat["num-slaves"]), str(flat["num-other-sentinels"])

    def _ask(self, port: int, *command: str):
        with Redis(port=port, decode_responses=True) as client:
            return client.execute_command(*command)

    def _until(self, condition) -> None:
        deadline = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.05)


@contextlib.contextmanager
def a_guarded_redis():
    with tempfile.TemporaryDirectory(prefix="orak-sentinel-") as folder:
        guarded = Guarded(Path(folder))
        try:
            guarded.start()
            yield guarded
        finally:
            guarded.close()
