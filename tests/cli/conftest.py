import os
import subprocess

import pytest
from click.testing import CliRunner

from cli_processes import DEADLINE, ORAK, CliProcess
from orak.adapters.audio.sung_sample import write_sung_sample
from orak.entrypoints.cli import main
from orak.entrypoints.settings.sources import variable_names
from orak.entrypoints.settings.values import Settings

SECRET = "s" * 32

_VARIABLES = {name for field in Settings.__struct_fields__ for name in variable_names(field)}
_VARIABLES |= {"ORAK_URL", "ORAK_TOKEN", "ORAK_DEBUG"}


@pytest.fixture(autouse=True)
def clean_environment(tmp_path, monkeypatch):
    """Run each test in an empty folder and without orak's environment variables."""
    monkeypatch.chdir(tmp_path)
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def orak():
    """Run a command in this process; its output is not a terminal."""

    def orak(*args, env=None, stdin=None):
        return CliRunner().invoke(main, args, env=env, input=stdin, prog_name="orak")

    return orak


@pytest.fixture
def run():
    """Run a command as a process to its end."""

    def run(*args, env=None, stdin=None):
        return subprocess.run(
            [ORAK, *map(str, args)],
            env=os.environ | (env or {}),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )

    return run


@pytest.fixture
def start():
    """Start a command as a process; it is killed after the test."""
    started = []

    def start(*args, env=None):
        started.append(CliProcess(*args, env=env or {}))
        return started[-1]

    yield start
    for command in started:
        command.close()


@pytest.fixture
def recording(tmp_path):
    """Twelve seconds of singing."""
    file = tmp_path / "recording.webm"
    write_sung_sample(file)
    return file
