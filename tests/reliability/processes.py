"""Processes of orak's, each of which can be killed, frozen and started again."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Protocol

_ORAK = str(Path(sys.executable).with_name("orak"))
_STOP_SECONDS = 30


class Part(Protocol):
    """Whatever a nemesis may kill."""

    def start(self) -> None:
        """Start it; return when it may be spoken to, or sooner."""

    def kill(self) -> None:
        """End it as SIGKILL does."""


class OrakProcess:
    """One `orak …` of the world, writing its log to a file."""

    def __init__(self, arguments: list[str], environment: dict[str, str], log: Path) -> None:
        self._command = [_ORAK, *arguments]
        self._environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **environment}
        self._log = log
        self._process: subprocess.Popen | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                cwd=self._log.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def ask(self, *arguments: str) -> str:
        """Return all that another command says where this one runs, success or not."""
        options = self._command[self._command.index("--data-dir") :]
        return subprocess.run(
            [_ORAK, *arguments, *options],
            env=self._environment,
            cwd=self._log.parent,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        ).stdout

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        self._send(signal.SIGCONT)

    def stop(self) -> int:
        """Ask it to end; return its exit code."""
        assert self._process is not None
        self._send(signal.SIGTERM)
        try:
            return self._process.wait(_STOP_SECONDS)
        finally:
            self.kill()

    def _send(self, number: int) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
