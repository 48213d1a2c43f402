"""An operator at the terminal, against a real server."""

import json

import pytest

SECRET = "s" * 32


@pytest.fixture
def served(orak, start):
    server = start("serve", "--port", 0, env={"JWT_SECRET": SECRET})
    url = server.wait_for(r"http://127\.0\.0\.1:\d+")[0]
    token = orak("token", "--scope", "admin", env={"JWT_SECRET": SECRET}).stdout.strip()
    return {"ORAK_URL": url, "ORAK_TOKEN": token, "JWT_SECRET": SECRET}


def test_it_all(orak, served):
    assert orak("batch", "size", env=served).stdout == "50\n"
    assert orak("batch", "size", "200", env=served).stdout == "200\n"
    assert orak("batch", "trigger", env=served).stdout == ""
    assert json.loads(orak("batch", "stats", env=served).stdout)["batchSize"] == 200
    assert orak("batch", "orphans", env=served).stdout == ""
    assert orak("batch", "failures", env=served).stdout == ""
    refused = orak("batch", "size", "1001", env=served)
    assert refused.exit_code == 1
    assert "size" in refused.stderr


def test_it_is_for_operators(orak, served):
    refused = orak("batch", "stats", env=served | {"ORAK_TOKEN": orak("token", env=served).stdout.strip()})
    assert refused.exit_code == 1
    assert "FORBIDDEN" in refused.stderr
    assert "orak token --scope admin" in refused.stderr


def test_what_does_not_exist_is_not_retried(orak, served):
    refused = orak("batch", "retry", "7", env=served)
    assert refused.exit_code == 1
    assert "hint" not in refused.stderr
