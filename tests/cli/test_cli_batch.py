"""`orak batch` against a real server."""

import json

import pytest

SECRET = "s" * 32


@pytest.fixture
def server_env(orak, start):
    server = start("serve", "--port", 0, env={"JWT_SECRET": SECRET})
    url = server.wait_for(r"http://127\.0\.0\.1:\d+")[0]
    token = orak("token", "--scope", "admin", env={"JWT_SECRET": SECRET}).stdout.strip()
    return {"ORAK_URL": url, "ORAK_TOKEN": token, "JWT_SECRET": SECRET}


def test_an_operator_sets_and_reads_everything(orak, server_env):
    assert orak("batch", "size", env=server_env).stdout == "50\n"
    assert orak("batch", "size", "200", env=server_env).stdout == "200\n"
    assert orak("batch", "trigger", env=server_env).stdout == ""
    assert json.loads(orak("batch", "stats", env=server_env).stdout)["batchSize"] == 200
    assert orak("batch", "orphans", env=server_env).stdout == ""
    assert orak("batch", "failures", env=server_env).stdout == ""
    refused = orak("batch", "size", "1001", env=server_env)
    assert refused.exit_code == 1
    assert "size" in refused.stderr


def test_batch_commands_need_an_operators_token(orak, server_env):
    refused = orak(
        "batch", "stats", env=server_env | {"ORAK_TOKEN": orak("token", env=server_env).stdout.strip()}
    )
    assert refused.exit_code == 1
    assert "FORBIDDEN" in refused.stderr
    assert "orak token --scope admin" in refused.stderr


def test_a_retry_of_an_unknown_upload_is_an_error_without_a_hint(orak, server_env):
    refused = orak("batch", "retry", "7", env=server_env)
    assert refused.exit_code == 1
    assert "hint" not in refused.stderr
