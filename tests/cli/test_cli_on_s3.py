import asyncio
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orak.adapters.clock.frozen import FrozenClock
from orak.adapters.storage.local import LocalStorage
from orak.domain.identity import ObjectKey
from s3_servers import KEYS
from store_fronts import a_front, conditional_puts, multipart

STRAY = "recordings/0c0f4a1e-6c7b-4f6e-9d5f-2f0b7b1f0a11_stray.webm"
OLD = 1_600_000_000


@pytest.fixture
def bucket(s3_server):
    return s3_server.new_bucket()


@pytest.fixture
def on_s3(bucket):
    return {
        "S3_BUCKET_NAME": bucket.bucket,
        "S3_ENDPOINT_URL": bucket.endpoint_url,
        "AWS_ACCESS_KEY_ID": KEYS.access_key,
        "AWS_SECRET_ACCESS_KEY": KEYS.secret_key,
    }


def lines(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


def storage_finding(orak, env):
    return next(row for row in lines(orak("doctor", "storage", env=env)) if row["name"] == "storage")


def test_the_doctor_checks_the_bucket(orak, on_s3):
    assert storage_finding(orak, on_s3)["level"] == "ok"
    for change, problem in (
        ({"S3_BUCKET_NAME": "no-such-bucket"}, "no such bucket"),
        ({"S3_BUCKET_NAME": "not a name"}, "S3_BUCKET_NAME cannot be used"),
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "check the keys"),
        ({"S3_ENDPOINT_URL": "http://127.0.0.1:9"}, "does not answer"),
    ):
        finding = storage_finding(orak, on_s3 | change)
        assert (finding["level"], problem in finding["detail"]) == ("fail", True), finding


def test_the_doctor_says_what_the_store_can_do(orak, on_s3, s3_server):
    pages = {"PUBLIC_URL": "https://orak.example.com", "CORS_ORIGINS": "https://app.example.com"}

    def abilities(**env):
        rows = lines(orak("doctor", "storage", env=on_s3 | pages | env))
        names = [row["name"] for row in rows]
        found = rows[names.index("storage") :]
        return [(row["name"], row["level"]) for row in found], found

    with a_front(s3_server.port, origins=["*"], enforces_create_only=True) as front:
        levels, _ = abilities(S3_ENDPOINT_URL=front.url)
        assert levels == [
            ("storage", "ok"), ("put", "ok"), ("get", "ok"), ("delete", "ok"),
        ("createOnly", "ok"), ("length", "ok"), ("ifMatch", "ok"), ("range", "warn"),
            ("multipart", "ok"), ("cors", "ok"), ("cors", "ok"), ("cors", "ok"),
        ]  # fmt: skip
    with a_front(s3_server.port, origins=["https://app.example.com"]) as front:
        front.refuses = lambda request: conditional_puts(request) or multipart(request)
        levels, found = abilities(S3_ENDPOINT_URL=front.url)
    assert levels == [
        ("storage", "ok"), ("put", "ok"), ("get", "ok"), ("delete", "ok"),
        ("createOnly", "warn"), ("length", "ok"), ("ifMatch", "ok"), ("range", "warn"),
        ("multipart", "warn"), ("cors", "warn"), ("cors", "ok"), ("cors", "warn"),
    ]  # fmt: skip
    assert found[4]["detail"] == "the store refuses every PUT with If-None-Match"
    assert [row["detail"].split(":")[0] for row in found[9:]] == [
        "pages of https",
        "pages of https",
        "pages of other origins cannot read audio that /media redirects to",
    ]
    assert all(row["hint"] for row in found if row["level"] == "warn")


def test_a_file_is_uploaded_to_a_store_without_conditional_puts(
    orak, run, start, on_s3, s3_server, recording, tmp_path
):
    with a_front(s3_server.port, refuses=conditional_puts) as front:
        env = on_s3 | {
            "S3_ENDPOINT_URL": front.url,
            "JWT_SECRET": "s" * 32,
            "ORAK_DATA_DIR": str(tmp_path / "d"),
        }
        serving = start("serve", "--port", "0", env=env)
        env |= {"ORAK_URL": serving.wait_for(r"http://127\.0\.0\.1:\d+")[0]}
        env |= {"ORAK_TOKEN": orak("token", "--user", "1", env=env).stdout.strip()}
        sent = run("upload", recording, "--title", "아리랑", "--wait", env=env)
    assert (sent.returncode, sent.stderr) == (0, ""), serving.output
    assert sent.stdout.strip().isdecimal()
    assert "refuses every PUT with If-None-Match" in serving.output


def test_config_does_not_show_the_secret_key(orak, on_s3):
    shown = orak("config", env=on_s3).stdout
    assert KEYS.secret_key not in shown
    assert KEYS.access_key in shown


def test_an_invalid_bucket_name_is_one_line_and_a_hint(orak, on_s3):
    refused = orak("sweep", env=on_s3 | {"S3_BUCKET_NAME": "not a name"})
    assert refused.exit_code == 2
    assert refused.stderr.startswith("error: S3_BUCKET_NAME cannot be used")
    assert "hint:" in refused.stderr


def test_objects_without_a_row_are_listed_then_removed_on_s3(orak, on_s3, bucket, s3_server):
    client = s3_server.client
    client.put_object(Bucket=bucket.bucket, Key=STRAY, Body=b"abc")
    os.utime(s3_server.folder / bucket.bucket / STRAY, (OLD, OLD))
    client.put_object(Bucket=bucket.bucket, Key=STRAY.replace("stray", "young"), Body=b"abc")

    def keys():
        return {found["Key"] for found in client.list_objects_v2(Bucket=bucket.bucket)["Contents"]}

    both = keys()
    (listed,) = lines(orak("sweep", "--dry-run", env=on_s3))
    assert (listed["key"], listed["size"], listed["removed"]) == (STRAY, 3, False)
    refused = orak("sweep", env=on_s3)
    assert refused.exit_code == 1
    assert "the database knows none of 1 objects: nothing was removed" in refused.stderr
    assert keys() == both
    (removed,) = lines(orak("sweep", "--force", env=on_s3))
    assert removed["removed"]
    assert keys() == both - {STRAY}
    assert lines(orak("sweep", env=on_s3)) == []


def test_objects_without_a_row_are_listed_then_removed_on_a_disk(orak):
    async def store_stray():
        clock = FrozenClock(datetime.fromtimestamp(OLD, UTC))
        async with LocalStorage.open(Path("orak-data/objects"), "http://x", b"k" * 32, clock) as storage:
            await storage.publish(ObjectKey(STRAY), Path(__file__), content_type="audio/webm")

    Path("orak-data").mkdir()
    asyncio.run(store_stray())
    for arguments, removed in ((["--dry-run"], False), (["--force"], True)):
        (line,) = lines(orak("sweep", *arguments))
        assert (line["key"], line["removed"]) == (STRAY, removed)
    assert lines(orak("sweep")) == []
