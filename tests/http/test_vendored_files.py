"""Other people's files, as they were published, with their licence."""

from hashlib import sha256
from pathlib import Path

import pytest

import orak

WEB = Path(orak.__file__).parent / "entrypoints" / "web"
VENDORED = sorted({path.parent for path in WEB.rglob("SHA256SUMS")})


def test_every_vendored_library_is_held_against_its_manifest():
    kept_apart = {*WEB.glob("vendor/*"), *WEB.glob("client/vendor/*")}
    assert set(VENDORED) == kept_apart


@pytest.mark.parametrize("folder", VENDORED, ids=lambda folder: folder.name)
def test_files_are_those_that_the_manifest_names(folder):
    listed = dict(line.split("  ")[::-1] for line in (folder / "SHA256SUMS").read_text().splitlines())
    assert {file.name for file in folder.iterdir()} == {*listed, "README.md", "SHA256SUMS"}
    for name, expected in listed.items():
        assert sha256((folder / name).read_bytes()).hexdigest() == expected, name


@pytest.mark.parametrize("folder", VENDORED, ids=lambda folder: folder.name)
def test_its_version_and_licence_are_said(folder):
    said = (folder / "README.md").read_text()
    assert f"`npm pack {said.split(']')[0].lstrip('[')}@" in said
    assert "(`LICENSE`" in said
