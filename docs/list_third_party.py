"""Write THIRD_PARTY.md: what orak runs on, from the metadata of the installed distributions.

`just docs` runs this, and a test fails when the page no longer matches what is required.
"""

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "THIRD_PARTY.md"
_LOCK = ROOT / "requirements" / "dev.txt"
_PROJECT = ROOT / "pyproject.toml"
_WEB = ROOT / "src" / "orak" / "entrypoints" / "web"
_PYTHONS = ("3.11.7", "3.12.1", "3.13.0")
_INTRODUCTION = """<!-- Written by docs/list_third_party.py; `just docs` writes it again. -->

# Third-party software

What orak needs to run, with the extras in the last column and without what only Windows needs.
Versions are those of the locks in `requirements/`. `just sbom` writes the same as a CycloneDX bill of
materials, with hashes.

## Python distributions

| name | version | licence | for |
| --- | --- | --- | --- |
"""
_BROWSER = """
The wheels of `av` contain FFmpeg, which calls its licence "LGPL version 3 or later", and libraries
of codecs. Two of these, libx264 and libx265, are under the GPL; orak encodes no video and does not
call them.

## Browser files in the wheel

They are unchanged, beside their licences; `SHA256SUMS` in each folder is checked by a test.

| name | version | licence | folder |
| --- | --- | --- | --- |
"""


def pages() -> dict[str, str]:
    """Return the page by its file name."""
    required = _required()
    rows = [
        f"| {name} | {_versions(name)} | {_licence(name)} | {', '.join(sorted(extras)) or 'always'} |"
        for name, extras in sorted(required.items())
    ]
    return {PAGE.name: _INTRODUCTION + "\n".join([*rows, ""]) + _BROWSER + "\n".join([*_vendored(), ""])}


def _required() -> dict[str, set[str]]:
    """Return the names of all required distributions, with the extras that need them: none if always."""
    project = tomllib.loads(_PROJECT.read_text())["project"]
    always = _closure(project["dependencies"])
    found: dict[str, set[str]] = {name: set() for name in always}
    for extra, requirements in project["optional-dependencies"].items():
        for name in _closure(requirements) - always:
            found.setdefault(name, set()).add(extra)
    return found


def _closure(requirements: list[str]) -> set[str]:
    """Return the names that *requirements* lead to on any supported Python, except on Windows."""
    found: set[str] = set()
    seen: set[tuple[str, str]] = set()
    waiting = [(Requirement(text), "") for text in requirements]
    while waiting:
        requirement, extra = waiting.pop()
        name = canonicalize_name(requirement.name)
        if not _applies(requirement, extra):
            continue
        found.add(name)
        for wanted in ("", *requirement.extras):
            if (name, wanted) not in seen:
                seen.add((name, wanted))
                waiting += [(Requirement(text), wanted) for text in _requirements_of(name)]
    return found


def _applies(requirement: Requirement, extra: str) -> bool:
    if requirement.marker is None:
        return not extra  # it is required without the extra, and was found there
    environment = dict(default_environment()) | {"sys_platform": "linux", "platform_system": "Linux"}
    environment |= {"os_name": "posix", "extra": extra}
    return any(
        requirement.marker.evaluate(
            environment | {"python_full_version": version, "python_version": version[:4]}
        )
        for version in _PYTHONS
    )


def _requirements_of(name: str) -> list[str]:
    """Return what the installed distribution *name* requires; nothing if this Python does not need it."""
    try:
        return distribution(name).requires or []
    except PackageNotFoundError:
        return []


def _versions(name: str) -> str:
    """Return the locked versions: several if they depend on the version of Python."""
    found = re.findall(rf"^{re.escape(name)}==(\S+)", _LOCK.read_text(), re.MULTILINE)
    return ", ".join(dict.fromkeys(found))


def _licence(name: str) -> str:
    """Return the SPDX expression, or else the classifiers, or the first line of the licence."""
    try:
        installed = distribution(name)
    except PackageNotFoundError:
        return "see its metadata"
    metadata = installed.metadata
    if expression := metadata.get("License-Expression"):
        return str(expression)
    classified = [
        text.rpartition(" :: ")[2]
        for text in metadata.get_all("Classifier") or []
        if text.startswith("License :: ") and not text.endswith("OSI Approved")
    ]
    texts = [str(file.read_text()) for file in installed.files or () if file.name.startswith("LICENSE")]
    stated = [
        text.strip().splitlines()[0] for text in (metadata.get("License") or "", *texts) if text.strip()
    ]
    return ", ".join(classified) or stated[0]


def _vendored() -> Iterator[str]:
    for readme in sorted(_WEB.rglob("vendor/*/README.md")):
        found = re.match(r"\[([^\]]+)\]\(\S+\)\s+([0-9.]+), unchanged, ([\w.-]+)", readme.read_text())
        if found is None:
            raise ValueError(f"{readme} does not begin with name, version and licence")
        yield f"| {' | '.join(found.groups())} | `{readme.parent.relative_to(ROOT)}` |"


if __name__ == "__main__":
    for name, text in pages().items():
        (ROOT / name).write_text(text)
