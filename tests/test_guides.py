"""The commands of the guides for operators run as they are written."""

import json
import os
import secrets
import signal
import subprocess
import time

import httpx
import pytest

from audio_samples import tone, write
from cli_processes import DEADLINE, ORAK, CliProcess
from guide_scripts import GUIDES, blocks, run_script, script
from http_api import NEW_UPLOAD, SECRET
from orak.adapters.persistence.sql import migrations
from orak.adapters.storage.sigv4 import Credentials
from proxies import free_port
from s3_servers import KEYS, an_s3_server

BACKUP_KEYS = Credentials("AKIDBACKUP", "a secret of the backup alone")

GUIDES_THAT_RUN = (
    *("backup.md", "production.md", "scaling.md", "security.md", "troubleshooting.md"),
    *("troubleshooting.ko.md", "upgrading.md"),
)


@pytest.mark.parametrize("guide", GUIDES_THAT_RUN)
def test_every_shell_block_runs_or_says_why_not(guide):
    assert [block.text for block in blocks(GUIDES / guide) if not block.mark] == []


@pytest.fixture
def embedded():
    """The environment of orak on SQLite and local disk, in the folder of the test."""
    port = free_port()
    return {"ORAK_PORT": str(port), "ORAK_URL": f"http://127.0.0.1:{port}", "JWT_SECRET": SECRET}


@pytest.fixture
def servers(embedded, postgresql_server, s3_server, tmp_path):
    """The environment of orak on PostgreSQL and S3, a store for backups, and empty places to restore into."""
    names = [f"guide_{secrets.token_hex(4)}" for _ in range(2)]
    for name in names:
        postgresql_server.sql(f"CREATE DATABASE {name}")
    here, there = (postgresql_server.url(name) for name in names)
    migrations.upgrade(here)
    bucket, restored = (s3_server.new_bucket() for _ in range(2))
    (tmp_path / "backup store").mkdir()
    with an_s3_server(tmp_path / "backup store", keys=BACKUP_KEYS) as backups:
        backup = backups.new_bucket()
        yield embedded | {
            "DATABASE_URL": here,
            "RESTORED_DATABASE_URL": there,
            "S3_BUCKET_NAME": bucket.bucket,
            "RESTORED_BUCKET_NAME": restored.bucket,
            "S3_REGION": "ap-northeast-2",
            "S3_ENDPOINT_URL": bucket.endpoint_url,
            "S3_PROVIDER": "Rclone",
            "AWS_ACCESS_KEY_ID": KEYS.access_key,
            "AWS_SECRET_ACCESS_KEY": KEYS.secret_key,
            "BACKUP_BUCKET": backup.bucket,
            "BACKUP_REGION": "us-east-1",
            "BACKUP_ENDPOINT_URL": backup.endpoint_url,
            "BACKUP_PROVIDER": "Rclone",
            "BACKUP_ACCESS_KEY_ID": BACKUP_KEYS.access_key,
            "BACKUP_SECRET_ACCESS_KEY": BACKUP_KEYS.secret_key,
        }
    for name in names:
        postgresql_server.sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def start(tmp_path, monkeypatch):
    """A function that starts `orak serve` on a port of its own; it returns the environment of its clients."""
    monkeypatch.chdir(tmp_path)
    started = []

    def start(world):
        started.append(CliProcess("serve", env=world | {"ORAK_PORT": "0"}))
        return world | {"ORAK_URL": started[-1].wait_for(r"serves (http://\S+)")[1]}

    yield start
    for process in started:
        process.stop(signal.SIGTERM)
        process.close()


def orak(world, *args):
    """Run a command to its end; return its output."""
    return subprocess.run(
        [ORAK, *args], env=os.environ | world, capture_output=True, text=True, timeout=DEADLINE, check=True
    ).stdout.strip()


def a_converted_record(world, folder):
    """Upload a recording and wait for its conversion; return its record."""
    client = world | {"ORAK_TOKEN": orak(world, "token", "--user", "1")}
    write(folder / "take.wav", tone(), seconds=1, kind="wav")
    record = orak(client, "upload", str(folder / "take.wav"), "--title", "첫 노래", "--wait")
    return json.loads(orak(client, "records", "get", record))


@pytest.mark.parametrize("kind", ["embedded", "servers"])
def test_a_backup_is_restored_elsewhere_and_plays(kind, request, start, tmp_path, postgresql_server):
    world = request.getfixturevalue(kind)
    record = a_converted_record(start(world), tmp_path)
    played = httpx.get(record["publicUrl"], follow_redirects=True).raise_for_status().content
    said = run_script(script("backup.md", kind), tmp_path, world, postgresql_server.programs)
    assert "5 events of 1 uploads" in said
    assert (tmp_path / "played.m4a").read_bytes() == played


def test_the_queries_and_commands_for_support_find_the_same_uploads(
    servers, start, tmp_path, postgresql_server
):
    world = start(servers)
    headers = {"Authorization": f"Bearer {orak(world, 'token', '--user', '1')}"}
    with httpx.Client(base_url=world["ORAK_URL"], headers=headers, timeout=DEADLINE) as client:
        orphan, missing = (
            client.post("/records/async/presigned-url", json=NEW_UPLOAD).raise_for_status().json()
            for _ in range(2)
        )
        httpx.put(orphan["presignedUrl"], content=b"abc", headers=orphan["headers"]).raise_for_status()
        named = {"title": "첫 노래", "uploadId": missing["uploadId"]}
        waiting = client.post("/records/async", json=named).raise_for_status().json()
        postgresql_server.sql(
            "UPDATE uploads SET created_at = created_at - interval '11 minutes', not_before = created_at",
            database=world["DATABASE_URL"].partition("@/")[2].partition("?")[0],
        )
        look = f"/records/async/uploads/{orphan['uploadId']}"
        deadline = time.monotonic() + DEADLINE
        while client.get(look).json()["processingStatus"] != "UPLOADED":  # a sweep finds the object
            assert time.monotonic() < deadline
            time.sleep(0.2)
    asked = world | {"UPLOAD_ID": str(orphan["uploadId"])}
    said = run_script(script("troubleshooting.md", "servers"), tmp_path, asked, postgresql_server.programs)
    by_command, by_query = said.split("uuid", 1)
    assert f'"uploadId":{orphan["uploadId"]},"recordId":null' in by_command
    assert orphan["s3Key"].partition("/")[2][:36] in by_query.partition("(1 row)")[0]
    assert '"UploadReceived","UPLOADED"' in by_command
    assert '"orphanCount": 1' in by_query
    assert f"{waiting['id']} |       1 |" in by_query


@pytest.mark.parametrize(
    ("guide", "kind"),
    [
        ("production.md", "embedded"),
        ("production.md", "servers"),
        ("security.md", "embedded"),
        ("security.md", "servers"),
    ],
)
def test_the_commands_of_a_guide_succeed(guide, kind, request, tmp_path, postgresql_server):
    world = request.getfixturevalue(kind)
    write(tmp_path / "take.wav", tone(), seconds=1, kind="wav")
    run_script(script(guide, kind), tmp_path, world, postgresql_server.programs)


def test_an_older_schema_is_upgraded_and_every_process_replaced(servers, tmp_path, postgresql_server):
    migrations.downgrade(servers["DATABASE_URL"], "1000")
    said = run_script(script("upgrading.md", "servers"), tmp_path, servers, postgresql_server.programs)
    assert said.startswith("1000\n")
    assert f"1000 -> {migrations.HEAD}\n" in said
    assert migrations.current(servers["DATABASE_URL"]) == migrations.HEAD


def test_a_shard_gives_ids_of_its_own_range(servers, start, tmp_path, postgresql_server):
    run_script(script("scaling.md", "servers"), tmp_path, servers, postgresql_server.programs)
    record = a_converted_record(start(servers), tmp_path)
    assert 3 * 2**44 < record["id"] < 4 * 2**44
    assert 3 * 2**44 < record["uploadId"] < 4 * 2**44


def test_both_languages_show_the_same_commands():
    english, korean = (
        [block.text for block in blocks(GUIDES / name)]
        for name in ("troubleshooting.md", "troubleshooting.ko.md")
    )
    assert english == korean
