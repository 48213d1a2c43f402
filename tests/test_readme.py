"""Every snippet of the README runs as it is written."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from audio_samples import chord, garbage, write
from orak.adapters.audio.sung_sample import write_sung_sample
from redis_server import RedisServer

README = Path(__file__).parent.parent / "README.md"
KOREAN = README.with_name("README.ko.md")
DEADLINE = 120
"""Seconds for one step: a command takes one on a quiet machine, and ten when all cores are busy."""


def blocks(language: str, of: Path = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", of.read_text(), re.DOTALL)


def the_block(language: str, holding: str) -> str:
    [block] = [block for block in blocks(language) if holding in block]
    return block


@pytest.fixture
def embedding() -> str:
    return the_block("python", "orak.running")


@pytest.fixture
def environment(tmp_path) -> dict[str, str]:
    """Return an environment without settings, in which `orak` and `python` are those of the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ORAK_", "JWT_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return kept | {"PATH": path, "PYTHONUTF8": "1", "ORAK_DATA_DIR": str(tmp_path / "orak-data")}


def test_the_demo_command_serves_until_it_is_interrupted(environment):
    # In a clone that `./justw` set up, as in CI, this always runs.
    if not (README.parent / ".venv" / "bin" / "just").exists():
        pytest.skip("./justw would install its virtual environment from the network")
    [demo] = [block for block in blocks("sh") if "justw demo" in block]
    with running(demo, environment | {"ORAK_PORT": "0"}, README.parent) as (process, said):
        wait_for("until Ctrl-C", said, process)
        os.killpg(process.pid, signal.SIGINT)
        process.wait(DEADLINE)
        assert "COMPLETED" in said()
        assert "Stopped." in said()


def test_the_service_curl_client_and_operator_snippets_work_one_after_the_other(environment, tmp_path):
    write(tmp_path / "song.mp3", chord(), seconds=2, kind="mp3")
    (tmp_path / "broken.mp3").write_bytes(garbage(seed=1))
    script = "\n".join(
        [
            "set -euo pipefail; trap 'kill %1; wait' EXIT",
            the_block("sh", "orak serve"),
            the_block("sh", "presigned-url"),
            "python - <<'END'",
            the_block("python", "OrakClient"),
            "END",
            "! orak upload broken.mp3 --title 'not audio' --wait",
            the_block("sh", "orak batch stats").replace("4711", '"$(orak batch failures | jq .uploadId)"'),
        ]
    )
    port = free_port()
    ports = {"ORAK_PORT": str(port), "ORAK_URL": f"http://127.0.0.1:{port}"}
    script = script.replace("127.0.0.1:8000", f"127.0.0.1:{port}")
    with running(script, environment | ports, tmp_path) as (process, said):
        assert process.wait(DEADLINE * 3) == 0, said()
    assert '"processingStatus":"COMPLETED"' in said()  # the third call of curl
    assert "Loudness(" in said()  # the record of the Python client


def test_the_worker_snippet_starts_a_worker(environment, tmp_path):
    redis = RedisServer()
    redis.start()
    try:
        worker = the_block("sh", "orak worker").replace("redis://localhost:6379/0", redis.url)
        with running(worker, environment, tmp_path) as (process, said):
            wait_for("woken through Redis", said, process)
    finally:
        redis.kill()


@contextmanager
def running(script: str, environment: dict[str, str], folder: Path) -> Iterator[tuple]:
    """Run *script* in a process group of its own; yield it and a function that returns its output."""
    log = Path(environment["ORAK_DATA_DIR"]).with_name("said.log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["bash", "-c", script],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process, log.read_text
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(DEADLINE)


def wait_for(text: str, said, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + DEADLINE
    while text not in said():
        assert process.poll() is None, said()
        assert time.monotonic() < deadline, said()
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_the_embedding_example_converts_a_recording(embedding, environment, tmp_path):
    write_sung_sample(tmp_path / "take.webm")
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", embedding],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("COMPLETED 11 Output(audio_key='published/")


@pytest.mark.parametrize("language", ["sh", "python"])
def test_both_languages_show_the_same_code(language):
    english, korean = blocks(language), blocks(language, KOREAN)
    assert [without_comments(block) for block in english] == [without_comments(block) for block in korean]


def without_comments(block: str) -> str:
    return re.sub(r" *#.*", "", block)


def test_the_embedding_example_is_typed(embedding, tmp_path):
    example = tmp_path / "example.py"
    example.write_text(embedding)
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache", example],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


def test_the_demo_takes_a_file_from_the_folder_of_its_caller(tmp_path):
    checkout = tmp_path / "checkout"
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / "justw").write_text(README.with_name("justw").read_text())
    just = checkout / ".venv" / "bin" / "just"
    just.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    just.chmod(0o755)
    (tmp_path / "my song.mp3").touch()
    received = subprocess.run(
        ["sh", checkout / "justw", "demo", "my song.mp3", "--once"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert received.stdout.splitlines() == ["demo", f"{tmp_path}/my song.mp3", "--once"]
