import re
import stat
from importlib import import_module
from pathlib import Path

import pytest

config = import_module(
    "orak.entrypoints.cli.config"
)  # `orak.entrypoints.cli.config` is the command, not the module


@pytest.mark.parametrize(
    "command",
    [["serve"], ["config"], ["token"], ["db", "check"], ["demo", "--once"], ["songs", "import", "-"]],
)
def test_a_bad_setting_is_one_line_and_a_hint(orak, command):
    refused = orak(*command, env={"BATCH_SIZE": "abc"}, stdin="id\n")
    assert refused.exit_code == 2
    assert refused.stderr.splitlines()[-2:] == [
        "error: BATCH_SIZE is 'abc', not a whole number from 1 to 1000",
        "hint: BATCH_SIZE is the number of uploads that one batch of one process may start",
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
def test_a_wrong_argument_is_one_line_and_a_hint(orak, command, error):
    refused = orak(*command)
    assert refused.exit_code == 2
    assert re.match(rf"error: .*{error}.*\nhint: run `orak[a-z ]* --help`\n\Z", refused.stderr)
    assert refused.stdout == ""


def test_an_unexpected_error_is_one_line_and_a_traceback_in_a_file(orak, monkeypatch, tmp_path):
    def fail(**_flags):
        raise RuntimeError("a bug\nof two lines")

    monkeypatch.setattr(config, "load_settings", fail)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    failed = orak("config")
    assert failed.exit_code == 1
    error, hint = failed.stderr.splitlines()
    assert error == "error: unexpected RuntimeError: a bug"
    log = Path(hint.rpartition(" ")[2])
    assert "Traceback" in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_orak_debug_raises_unexpected_errors(orak, monkeypatch):
    def fail(**_flags):
        raise RuntimeError("a bug")

    monkeypatch.setattr(config, "load_settings", fail)
    shown = orak("config", env={"ORAK_DEBUG": "1"})
    assert isinstance(shown.exception, RuntimeError)


@pytest.mark.parametrize(
    ("env", "error"),
    [
        ({}, "neither JWT_SECRET nor JWKS_URL is set, so no token can be verified"),
        ({"JWT_SECRET": "s", "JWKS_URL": "http://k"}, "JWT_SECRET is set beside JWKS_URL"),
        (
            {"JWT_SECRET": "s", "JWT_ALGORITHMS": "none"},
            "tokens cannot be verified: not supported with this kind of key: none",
        ),
    ],
)
def test_serve_refuses_settings_that_cannot_verify_tokens(orak, env, error):
    refused = orak("serve", env=env)
    assert refused.exit_code == 2
    assert refused.stderr.startswith(f"error: {error}")
    assert "hint:" in refused.stderr


@pytest.mark.parametrize(
    ("env", "exit_code", "error"),
    [
        ({}, 1, "no token"),
        (
            {"ORAK_TOKEN": "t", "ORAK_URL": "127.0.0.1:9"},
            2,
            "'127.0.0.1:9' is not an http:// or https:// URL",
        ),
        ({"ORAK_TOKEN": "t", "ORAK_URL": "http://127.0.0.1:9"}, 1, "no answer from http://127.0.0.1:9"),
    ],
)
def test_an_unreachable_server_is_one_line_and_a_hint(orak, env, exit_code, error):
    refused = orak("records", "list", env=env)
    assert refused.exit_code == exit_code
    assert refused.stderr.startswith(f"error: {error}")
    assert "hint: " in refused.stderr
