import json
import signal
import sqlite3
from contextlib import closing

import pytest


@pytest.fixture(autouse=True)
def demo_events(run):
    """The events of one converted recording."""
    ran = run("demo", "--once")
    assert ran.returncode == 0, ran.stderr


def test_replay_prints_the_last_state_of_each_upload(orak):
    [line] = orak("events", "replay").stdout.splitlines()
    state = json.loads(line)
    assert (state["uploadId"], state["version"], state["state"]["status"]) == (1, 5, "COMPLETED")
    assert "title" not in line


def test_replay_check_accepts_a_log_that_agrees_with_the_tables(orak):
    checked = orak("events", "replay", "--check")
    assert (checked.exit_code, checked.stdout) == (0, "")
    assert checked.stderr == "5 events of 1 uploads\n"


def test_replay_check_prints_the_differences_from_the_tables(orak):
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
    assert "error: the event log and the tables differ in 1 place\nhint: " in checked.stderr


def test_tail_all_prints_the_log_after_a_feed_position(orak):
    rows = [json.loads(line) for line in orak("events", "tail", "--all").stdout.splitlines()]
    assert [row["position"] for row in rows] == [1, 2, 3, 4, 5]
    assert [row["fact"]["type"] for row in rows][-1] == "ProcessingCompleted"
    assert [list(row) for row in rows] == [
        ["position", "event_id", "upload_id", "version", "fact", "request_id"]
    ] * 5
    asked, arrived, named, *converted = [row["request_id"] for row in rows]
    assert len({asked, arrived, named}) == 3
    assert converted == [named, named]
    requested = ["type", "userId", "uuid", "status", "attempt", "key", "at"]
    assert list(rows[0]["fact"]) == requested
    assert list(rows[-1]["fact"]) == [*requested, "recordId"]
    later = orak("events", "tail", "--all", "--after", "4").stdout
    assert [json.loads(line)["position"] for line in later.splitlines()] == [5]


def test_tail_all_follow_prints_new_events(start, run):
    tail = start("events", "tail", "--all", "--follow", "--after", "5", env={})
    assert run("demo", "--once").returncode == 0
    tail.wait_for(r'"type":"ProcessingCompleted"')
    assert tail.stop(signal.SIGINT) != 0
    assert "Traceback" not in tail.output


def test_tail_follows_the_users_own_records_over_http(start, orak):
    env = {"JWT_SECRET": "s" * 32}
    server = start("serve", "--port", 0, env=env)
    url = server.wait_for(r"serves (http://\S+)")[1]
    token = orak("token", env=env).stdout.strip()
    tail = start("events", "tail", "--after", "0", "--url", url, "--token", token, env={})
    tail.wait_for(r'"processingStatus":"COMPLETED"')
    tail.stop(signal.SIGINT)
    assert "Traceback" not in tail.output
