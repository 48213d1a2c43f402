"""`orak` commands as processes of their own."""

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

ORAK = str(Path(sys.executable).with_name("orak"))

DEADLINE = 60
"""Seconds that a command may take to print an expected line, or to end."""


class CliProcess:
    """A command that runs until it is stopped. Tests can wait for its output."""

    def __init__(self, *args, env) -> None:
        self.process = subprocess.Popen(
            [ORAK, *map(str, args)],
            env=os.environ | env | {"PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.output = ""
        """Standard output and standard error so far."""
        self._new_output = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def wait_for(self, pattern) -> re.Match:
        """Return the first match of *pattern* in the output; wait until there is one."""
        found = None

        def matched():
            nonlocal found
            found = re.search(pattern, self.output)
            return found or not self._reader.is_alive()

        with self._new_output:
            self._new_output.wait_for(matched, DEADLINE)
        assert found, self.output
        return found

    def stop(self, signal) -> int:
        """Send *signal*; return the exit code."""
        self.process.send_signal(signal)
        return self.process.wait(DEADLINE)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        self.process.stdout.close()

    def _read(self) -> None:
        for line in self.process.stdout:
            with self._new_output:
                self.output += line
                self._new_output.notify_all()
        with self._new_output:
            self._new_output.notify_all()
