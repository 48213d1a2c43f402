import re
import stat
from importlib import import_module
from pathlib import Path

import pytest

config = import_module("orak.entrypoints.cli.config")  # its package has the command under that name


@pytest.mark.parametrize(
    "command",
    [["serve"], ["config"], ["token"], ["db", "check"], ["demo", "--once"], ["songs", "import", "-"]],
)
def test_a_bad_setting_is_one_line_and_a_hint(orak, command):
    refused = orak(*command, env={"BATCH_SIZE": "abc"}, stdin="id\n")
    assert refused.exit_code == 2
    assert refused.stderr.splitlines()[-2:] == [
        "error: BATCH_SIZE is 'abc', not a whole number from 1 to 1000",
        "hint: BATCH_SIZE is the number of takes that one look-up may start",
    ]


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (["nosuch"], "No such command 'nosuch'."),
        (["serve", "--nosuch"], "No such option"),
        (["serve", "--port", "abc"], "Invalid value for '--port'"),
        (["upload"], "Missing argument 'FILE'."),
        (["upload", "absent.mp3", "--title", "t"], "'absent.mp3' does not exist"),
        (["records", "get", "0"], "Invalid value for 'ID'"),
    ],
)
def test_wrong_use_is_told_with_where_to_look(orak, command, error):
    refused = orak(*command)
    assert refused.exit_code == 2
    assert re.match(rf"error: .*{error}.*\nhint: see `orak[a-z ]* --help`\n\Z", refused.stderr)
    assert refused.stdout == ""


def test_a_bug_is_one_line_and_a_trace_in_a_file(orak, monkeypatch, tmp_path):
    def trip(**_flags):
        raise RuntimeError("a bug\nof two lines")

    monkeypatch.setattr(config, "load_settings", trip)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    failed = orak("config")
    assert failed.exit_code == 1
    error, hint = failed.stderr.splitlines()
    assert error == "error: unexpected RuntimeError: a bug"
    log = Path(hint.rpartition(" ")[2])
    assert "Traceback" in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_a_bug_is_shown_to_who_asks(orak, monkeypatch):
    def trip(**_flags):
        raise RuntimeError("a bug")

    monkeypatch.setattr(config, "load_settings", trip)
    shown = orak("config", env={"ORAK_DEBUG": "1"})
    assert isinstance(shown.exception, RuntimeError)


@pytest.mark.parametrize(
    ("env", "error"),
    [
        ({}, "neither JWT_SECRET nor JWKS_URL is set, so no caller could be known"),
        ({"JWT_SECRET": "s", "JWKS_URL": "http://k"}, "JWT_SECRET is set beside JWKS_URL"),
        (
            {"JWT_SECRET": "s", "JWT_ALGORITHMS": "none"},
            "tokens cannot be verified: not for this",
        ),
    ],
)
def test_nobody_is_served_whose_token_could_not_be_verified(orak, env, error):
    refused = orak("serve", env=env)
    assert refused.exit_code == 2
    assert refused.stderr.startswith(f"error: {error}")
    assert "hint:" in refused.stderr


@pytest.mark.parametrize(
    ("env", "exit_code", "error"),
    [
        ({}, 1, "no token"),
        ({"ORAK_TOKEN": "t", "ORAK_URL": "127.0.0.1:9"}, 2, "'127.0.0.1:9' is no http:// or https:// URL"),
        ({"ORAK_TOKEN": "t", "ORAK_URL": "http://127.0.0.1:9"}, 1, "nobody answers at http://127.0.0.1:9"),
    ],
)
def test_who_cannot_be_reached_is_named(orak, env, exit_code, error):
    refused = orak("records", "list", env=env)
    assert refused.exit_code == exit_code
    assert refused.stderr.startswith(f"error: {error}")
    assert "hint: " in refused.stderr
