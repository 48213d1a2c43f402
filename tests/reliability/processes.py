"""orak processes that can be killed, frozen and restarted."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Protocol

_ORAK = str(Path(sys.executable).with_name("orak"))
_STOP_SECONDS = 30


class Part(Protocol):
    """A process that the nemesis may kill."""

    def start(self) -> None:
        """Start the process; it may not be ready yet on return."""

    def kill(self) -> None:
        """End the process with SIGKILL."""


class OrakProcess:
    """One `orak` command that writes its log to a file."""

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

    def output_of(self, *arguments: str) -> str:
        """Run another `orak` command with the same settings; return its output, also on failure."""
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
        """Send SIGTERM; return the exit code."""
        assert self._process is not None
        self._send(signal.SIGTERM)
        try:
            return self._process.wait(_STOP_SECONDS)
        finally:
            self.kill()

    def _send(self, number: int) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
