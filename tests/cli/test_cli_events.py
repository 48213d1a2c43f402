import json
import sqlite3
from contextlib import closing

import pytest


@pytest.fixture(autouse=True)
def a_take(orak):
    """What one take leaves behind."""
    ran = orak("demo", "--once")
    assert ran.exit_code == 0, ran.stderr


def test_a_replay_tells_where_the_log_leaves_each_upload(orak):
    [line] = orak("events", "replay").stdout.splitlines()
    told = json.loads(line)
    assert (told["uploadId"], told["version"], told["state"]["status"]) == (1, 5, "COMPLETED")
    assert "title" not in line


def test_a_log_that_fits_the_tables(orak):
    checked = orak("events", "replay", "--check")
    assert (checked.exit_code, checked.stdout) == (0, "")
    assert checked.stderr == "5 events of 1 uploads\n"


def test_a_log_that_does_not(orak):
    with closing(sqlite3.connect("orak-data/orak.db")) as connection, connection:
        connection.execute("UPDATE uploads SET attempt = 7")
    checked = orak("events", "replay", "--check")
    assert checked.exit_code == 1
    assert json.loads(checked.stdout) == {
        "uploadId": 1,
        "what": "attempt",
        "byFacts": "1",
        "byTables": "7",
    }
    assert "error: the log and the tables differ in 1 places\nhint: " in checked.stderr
