"""The command line as processes of its own."""

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

ORAK = str(Path(sys.executable).with_name("orak"))

DEADLINE = 30


class Started:
    """A command that runs until it is stopped; its lines can be waited for."""

    def __init__(self, *args, env) -> None:
        self.process = subprocess.Popen(
            [ORAK, *map(str, args)],
            env=os.environ | env | {"PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said = ""
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def wait_for(self, pattern) -> re.Match:
        """Return the first match of *pattern* in what it says."""
        found = None

        def matched():
            nonlocal found
            found = re.search(pattern, self.said)
            return found or not self._reader.is_alive()

        with self._more:
            self._more.wait_for(matched, DEADLINE)
        assert found, self.said
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
            with self._more:
                self.said += line
                self._more.notify_all()
        with self._more:
            self._more.notify_all()
