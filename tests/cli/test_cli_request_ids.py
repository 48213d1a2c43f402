"""One request id leads from the line of an HTTP call to the last line of the worker, in JSON."""

import json
import time

import httpx

from cli_processes import DEADLINE
from orak.adapters.audio.sung_sample import write_sung_sample

SECRET = "s" * 32


def lines_of(process, request_id):
    lines = [json.loads(line) for line in process.output.splitlines()]
    return [line for line in lines if line.get("requestId") == request_id]


def test_a_create_call_is_followed_from_the_server_to_the_worker(start, orak, tmp_path):
    env = {"JWT_SECRET": SECRET, "ORAK_DATA_DIR": str(tmp_path / "data"), "BATCH_INTERVAL_MS": "500"}
    server = start("serve", "--port", 0, env=env | {"BATCH_ENABLED": "false", "IMMEDIATE_SLOTS": "0"})
    url = server.wait_for(r"serves (http://\S+)")[1]
    worker = start("worker", env=env)
    take = tmp_path / "a secret song.webm"
    write_sung_sample(take)
    content = take.read_bytes()
    token = orak("token", env=env).stdout.strip()
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}) as http:
        new = {"originalFilename": take.name, "fileSize": len(content), "contentType": "audio/webm"}
        signed = http.post("/records/async/presigned-url", json=new).json()
        httpx.put(signed["presignedUrl"], content=content, headers=signed["headers"]).raise_for_status()
        named = {"title": "a secret title", "uploadId": signed["uploadId"]}
        made = http.post("/records/async", json=named, headers={"X-Request-Id": "the-create-call"})
    worker.wait_for(r'"event":"conversion"')
    deadline = time.monotonic() + DEADLINE
    while not lines_of(server, "the-create-call"):
        assert time.monotonic() < deadline, server.output
        time.sleep(0.05)
    [request] = lines_of(server, "the-create-call")
    assert (request["event"], request["path"], request["userId"]) == ("request", "/records/async", 1)
    last = lines_of(worker, "the-create-call")[-1]
    assert (last["event"], last["outcome"], last["start"]) == ("conversion", "completed", "batch")
    assert (last["uploadId"], last["recordId"]) == (signed["uploadId"], made.json()["id"])
    for word in ("secret", token, httpx.URL(signed["presignedUrl"]).params["signature"]):
        assert word not in server.output + worker.output
