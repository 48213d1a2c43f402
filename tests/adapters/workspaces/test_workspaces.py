import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from orak.adapters.workspaces.disk import Workspaces
from orak.application.ports.failures import Unavailable

KILLED = """
import sys, time
from pathlib import Path
from orak.adapters.workspaces.disk import Workspaces
with Workspaces.open(Path(sys.argv[1])) as workspaces, workspaces() as folder:
    Path(folder, "input").write_bytes(b"audio")
    print("ready", flush=True)
    time.sleep(600)
"""


def files(root: Path) -> list[str]:
    return [path.name for path in root.rglob("*") if path.is_file()]


def test_a_workspace_starts_empty_and_is_removed_with_its_block(tmp_path):
    with Workspaces.open(tmp_path / "work") as workspaces:
        with workspaces() as first, workspaces() as second:
            assert first != second
            assert list(Path(first).iterdir()) == []
            Path(first, "input").write_bytes(b"audio")
        assert files(tmp_path) == []
    assert list((tmp_path / "work").iterdir()) == []


def test_only_workspaces_of_killed_processes_are_removed(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, tmp_path], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        with Workspaces.open(tmp_path):
            assert files(tmp_path) == ["input"]
        process.send_signal(signal.SIGKILL)
    assert files(tmp_path) == ["input"]
    with Workspaces.open(tmp_path):
        assert files(tmp_path) == []


def test_a_file_in_the_root_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with Workspaces.open(tmp_path):
        pass
    assert files(tmp_path) == ["notes.txt"]


def test_a_missing_root_raises_unavailable(tmp_path):
    with Workspaces.open(tmp_path / "work") as workspaces:
        shutil.rmtree(tmp_path / "work")
        with pytest.raises(Unavailable, match="cannot create a folder"):
            workspaces()
