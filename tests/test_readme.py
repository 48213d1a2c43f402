"""The README's examples run as they are written."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from orak.adapters.audio.sung_sample import write_sung_sample

README = Path(__file__).parent.parent / "README.md"
KOREAN = README.with_name("README.ko.md")


def blocks(language: str, of: Path = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", of.read_text(), re.DOTALL)


@pytest.fixture
def embedding() -> str:
    return next(block for block in blocks("python") if "orak.running" in block)


def test_the_embedding_example_converts_a_take(embedding, tmp_path):
    write_sung_sample(tmp_path / "take.webm")
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", embedding],
        cwd=tmp_path,
        env=os.environ | {"PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("COMPLETED 11 Output(audio_key='published/")


def test_both_languages_show_the_same_commands():
    assert [without_comments(block) for block in blocks("sh")] == [
        without_comments(block) for block in blocks("sh", KOREAN)
    ]


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


def test_the_demo_takes_a_file_from_where_its_caller_is(tmp_path):
    house = tmp_path / "house"
    (house / ".venv" / "bin").mkdir(parents=True)
    (house / "justw").write_text(README.with_name("justw").read_text())
    just = house / ".venv" / "bin" / "just"
    just.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    just.chmod(0o755)
    (tmp_path / "my song.mp3").touch()
    told = subprocess.run(
        ["sh", house / "justw", "demo", "my song.mp3", "--once"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.splitlines() == ["demo", f"{tmp_path}/my song.mp3", "--once"]
