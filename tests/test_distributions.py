"""What is published holds everything that it needs, and each build of it is the same."""

import json
import subprocess
import sys
from pathlib import Path
from runpy import run_path
from zipfile import ZipFile

import pytest

from orak.version import __version__

ROOT = Path(__file__).parents[1]
HATCHLING = Path(sys.executable).with_name("hatchling")


def built(folder: Path) -> Path:
    subprocess.run(
        [HATCHLING, "build", "-t", "wheel", "-d", folder],
        cwd=ROOT,
        env={"SOURCE_DATE_EPOCH": "1700000000"},
        check=True,
        capture_output=True,
    )
    [wheel] = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    return built(tmp_path_factory.mktemp("wheel"))


def test_the_wheel_holds_what_orak_reads_at_run_time_and_the_licences(wheel):
    with ZipFile(wheel) as archive:
        names = archive.namelist()
        [metadata] = [archive.read(name).decode() for name in names if name.endswith(".dist-info/METADATA")]
    web = "orak/entrypoints/web"
    packaged = (
        "orak/py.typed",
        "orak/adapters/persistence/sql/migrations/versions/0001_uploads_records_events.py",
        f"{web}/page/index.html",
        f"{web}/client/index.js",
        f"{web}/vendor/wavesurfer/wavesurfer.esm.js",
    )
    assert [name for name in packaged if name not in names] == []
    licences = [name for name in names if ".dist-info/licenses/" in name]
    assert len(licences) == 1 + len([*ROOT.glob("src/orak/entrypoints/web/**/vendor/*/LICENSE")])
    assert "License-Expression: MIT" in metadata
    assert [name for name in names if "__pycache__" in name or name.startswith("tests")] == []


def test_the_browser_client_has_the_version_of_orak():
    manifest = ROOT / "src" / "orak" / "entrypoints" / "web" / "client" / "package.json"
    assert json.loads(manifest.read_text())["version"] == __version__


def test_two_builds_of_one_commit_are_the_same(wheel, tmp_path):
    assert built(tmp_path).read_bytes() == wheel.read_bytes()


def test_the_list_of_third_party_software_matches_the_requirements():
    [(name, text)] = run_path(str(ROOT / "docs" / "list_third_party.py"))["pages"]().items()
    committed = (ROOT / name).read_text()
    if sys.version_info[:2] == (3, 11):
        assert text == committed, "`just docs` writes it again"
    # Other versions of Python need fewer distributions, whose metadata is then not there to be read.
    known = [line for line in text.splitlines() if "see its metadata" not in line]
    assert [line for line in known if line not in committed] == []
