"""A running `orak demo`."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from orak.adapters.auth.issuing import issue_token
from orak.domain.identity import UserId

SECRET = "a-secret-for-tests-of-the-page-only-0123456789"


class Server:
    """The URL of a server that accepts tokens of `SECRET`, and tokens for it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._users = iter(range(2, 10_000))

    def token(self, *scopes: str, user: int | None = None) -> str:
        """Return a token, of a new user unless *user* is given."""
        user = next(self._users) if user is None else user
        return issue_token(SECRET, UserId(user), scopes, timedelta(hours=1), datetime.now(UTC))

    def call(self, token: str) -> httpx.Client:
        """Return an HTTP client for the user's records."""
        return httpx.Client(
            base_url=f"{self.url}/records/async", headers={"Authorization": f"Bearer {token}"}, timeout=20
        )


class Demo(Server):
    """A demo; its address holds a token."""

    def __init__(self, address: str) -> None:
        super().__init__(address.split("#", 1)[0].rstrip("/"))
        self.address = address


@contextmanager
def a_demo(folder: Path) -> Iterator[Demo]:
    """Run `orak demo` with its data in *folder*."""
    command = [Path(sys.executable).parent / "orak", "demo", "--port", "0", "--data-dir", folder]
    environment = {"PATH": os.environ["PATH"], "JWT_SECRET": SECRET, "HOME": str(folder)}
    with (
        (folder / "errors").open("w") as errors,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, env=environment, cwd=folder, text=True
        ) as process,
    ):
        try:
            yield Demo(_address(process, folder / "errors"))
        finally:
            process.terminate()
            process.communicate(timeout=20)


def _address(process, errors):
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "ORAK_TOKEN=" in line:
            return re.search(r"http\S+/#token=\S+", "".join(lines))[0]
    raise AssertionError("".join(lines) + errors.read_text())


@contextmanager
def a_serve(settings: dict[str, str]) -> Iterator[None]:
    """Run `orak serve`, which accepts tokens of `SECRET`."""
    command = [Path(sys.executable).parent / "orak", "serve"]
    environment = {"PATH": os.environ["PATH"], "JWT_SECRET": SECRET} | settings
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, text=True
    ) as process:
        try:
            lines = []
            for line in process.stdout:
                lines.append(line)
                if '"event":"started"' in line:  # what `serve` logs where no terminal shows its banner
                    break
            else:
                raise AssertionError("".join(lines))
            # The server would wait once its log has filled the pipe.
            rest = threading.Thread(target=process.stdout.read, daemon=True)
            rest.start()
            yield
        finally:
            process.terminate()
            process.wait(timeout=20)
