import subprocess
import sys

import pytest

from orak.entrypoints.cli import main

COMMANDS = [
    *("demo", "serve", "upload", "token", "config", "doctor", "completion"),
    *("records list", "records get", "records retry", "records delete", "records rename"),
    *("batch size", "batch trigger", "batch stats", "batch orphans", "batch failures", "batch retry"),
    *("db upgrade", "db current", "db check", "songs import", "songs list", "aws setup", "aws template"),
    *("cdn sign", "cdn invalidate"),
]


def test_help_lists_all_commands(orak):
    shown = orak("--help")
    assert shown.exit_code == 0
    for command in main.commands:
        assert f"  {command} " in shown.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(orak, command):
    shown = orak(*command.split(), "--help")
    assert shown.exit_code == 0
    assert f"Usage: orak {command}" in shown.stdout


def test_help_imports_no_slow_package():
    slow = {
        "aioboto3",
        "alembic",
        "av",
        "botocore",
        "dependency_injector",
        "httpx",
        "jwt",
        "litestar",
        "sqlalchemy",
        "uvicorn",
    }
    program = "import sys, orak.entrypoints.cli; print(*sys.modules, sep='\\n')"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert slow.isdisjoint(loaded.stdout.split())


def test_version_prints_name_and_version(orak):
    assert orak("--version").stdout == "orak 0.1.0\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_the_shell(orak, shell):
    script = orak("completion", shell)
    assert script.exit_code == 0
    assert "_ORAK_COMPLETE" in script.stdout


def test_the_completion_script_receives_matching_commands(orak):
    completing = {"_ORAK_COMPLETE": "bash_complete", "COMP_WORDS": "orak records re", "COMP_CWORD": "2"}
    assert orak(env=completing).stdout.split() == ["plain,rename", "plain,retry"]
