"""Vendored libraries are unchanged and carry their licence."""

from hashlib import sha256
from pathlib import Path

import pytest

import orak

WEB = Path(orak.__file__).parent / "entrypoints" / "web"
VENDORED = sorted({path.parent for path in WEB.rglob("SHA256SUMS")})


def test_every_vendored_library_has_a_manifest():
    libraries = {*WEB.glob("vendor/*"), *WEB.glob("client/vendor/*")}
    assert set(VENDORED) == libraries


@pytest.mark.parametrize("folder", VENDORED, ids=lambda folder: folder.name)
def test_the_files_match_their_manifest(folder):
    listed = dict(line.split("  ")[::-1] for line in (folder / "SHA256SUMS").read_text().splitlines())
    assert {file.name for file in folder.iterdir()} == {*listed, "README.md", "SHA256SUMS"}
    for name, expected in listed.items():
        assert sha256((folder / name).read_bytes()).hexdigest() == expected, name


@pytest.mark.parametrize("folder", VENDORED, ids=lambda folder: folder.name)
def test_the_readme_states_version_and_licence(folder):
    readme = (folder / "README.md").read_text()
    assert f"`npm pack {readme.split(']')[0].lstrip('[')}@" in readme
    assert "(`LICENSE`" in readme
