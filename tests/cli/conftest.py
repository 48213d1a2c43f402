import os
import subprocess

import pytest
from click.testing import CliRunner
from commands import DEADLINE, ORAK, Started

from orak.adapters.audio.sung_sample import write_sung_sample
from orak.entrypoints.cli import main
from orak.entrypoints.settings.sources import variable_names
from orak.entrypoints.settings.values import Settings

SECRET = "s" * 32

_OURS = {name for field in Settings.__struct_fields__ for name in variable_names(field)}
_OURS |= {"ORAK_URL", "ORAK_TOKEN", "ORAK_DEBUG"}


@pytest.fixture(autouse=True)
def clean_surroundings(tmp_path, monkeypatch):
    """Each test works in an empty folder, with none of orak's variables set."""
    monkeypatch.chdir(tmp_path)
    for name in _OURS:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def orak():
    """Run a command in this process, its output piped."""

    def orak(*args, env=None, stdin=None):
        return CliRunner().invoke(main, args, env=env, input=stdin, prog_name="orak")

    return orak


@pytest.fixture
def run():
    """Run a command as its own process, to its end."""

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
    """Start a command as its own process."""
    started = []

    def start(*args, env=None):
        started.append(Started(*args, env=env or {}))
        return started[-1]

    yield start
    for command in started:
        command.close()


@pytest.fixture
def take(tmp_path):
    file = tmp_path / "take.webm"
    write_sung_sample(file)
    return file
