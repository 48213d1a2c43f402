import subprocess
import sys

import pytest

from orak.entrypoints.cli import main

COMMANDS = [
    *("demo", "serve", "upload", "token", "config", "doctor", "completion"),
    *("records list", "records get", "records retry", "records delete", "records rename"),
    *("batch size", "batch trigger", "batch stats", "batch orphans", "batch failures", "batch retry"),
    *("db upgrade", "db current", "db check", "songs import", "aws setup", "aws template"),
]


def test_help_lists_all_commands(orak):
    shown = orak("--help")
    assert shown.exit_code == 0
    for command in main.commands:
        assert f"  {command} " in shown.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(orak, command):
    shown = orak(*command.split(), "--help")
    assert shown.exit_code == 0
    assert f"Usage: orak {command}" in shown.stdout


def test_help_loads_nothing_that_it_does_not_need():
    heavy = {
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
    assert heavy.isdisjoint(loaded.stdout.split())


def test_the_version_is_oraks(orak):
    assert orak("--version").stdout == "orak 0.1.0\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_of_the_shell(orak, shell):
    script = orak("completion", shell)
    assert script.exit_code == 0
    assert "_ORAK_COMPLETE" in script.stdout


def test_a_shell_is_told_how_a_word_may_go_on(orak):
    asked = {"_ORAK_COMPLETE": "bash_complete", "COMP_WORDS": "orak records re", "COMP_CWORD": "2"}
    assert orak(env=asked).stdout.split() == ["plain,rename", "plain,retry"]
