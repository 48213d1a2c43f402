"""The documents match the code: links, paths, programs and everything that scripts write from it."""

import re
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from runpy import run_path

import httpx
import pytest

from documented_commands import commands, problem
from orak.adapters.audio.sung_sample import write_sung_sample
from orak.adapters.webhooks.requests import signature

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
BODY = (
    b'{"id":1,"type":"UploadRequested","at":"2024-01-01T12:00:00Z","position":1,"uploadId":15,"version":1,'
    b'"userId":1,"status":"PENDING","attempt":0,"key":"k"}'
)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_of_a_document_leads_to_a_file_and_a_heading(document):
    broken = []
    for link in links(document.read_text()):
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        if not target.exists() or (anchor and anchor not in anchors(target.read_text())):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_of_a_document_exists(document):
    problems = [problem(arguments) for arguments in commands(document.read_text())]
    assert [found for found in problems if found] == []


def test_an_unknown_command_and_an_unknown_option_are_found():
    shown = "`orak batch orphans --sorted` ```\n```sh\norak batch orphan | jq . # orak nothing\n```\n"
    assert [problem(arguments) for arguments in commands(shown)] == [
        "no command 'batch orphan'",
        "'batch orphans --sorted' has no option --sorted",
    ]


def links(markdown: str) -> list[str]:
    """Return the targets of links and pictures that lead to files of this repository."""
    prose = without_code(markdown)
    found = re.findall(r"\]\(([^)\s]+)\)", prose) + re.findall(r'(?:src|srcset|href)="([^"]+)"', prose)
    return [target for target in found if "://" not in target]


def anchors(markdown: str) -> set[str]:
    """Return the anchors that GitHub gives to the headings."""
    headings = re.findall(r"^#+ (.*)$", without_code(markdown, spans=False), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def without_code(markdown: str, *, spans: bool = True) -> str:
    """Leave out blocks of code, and spans of code too."""
    prose = re.sub(r"^```.*?^```", "", markdown, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`\n]*`", "", prose) if spans else prose


@pytest.mark.parametrize(
    ("script", "written", "folder"),
    [("generate.py", "pages", "reference"), ("draw_architecture.py", "pictures", "images")],
)
def test_what_scripts_write_from_the_code_is_up_to_date(script, written, folder):
    files = run_path(str(ROOT / "docs" / script))[written]()
    stale = [name for name, text in files.items() if (ROOT / "docs" / folder / name).read_text() != text]
    assert stale == [], "`just docs` writes them again"


def test_every_path_that_the_architecture_names_exists():
    prose = (ROOT / "ARCHITECTURE.md").read_text()
    named = {path for path in re.findall(r"`([a-z_./]+)`", prose) if "/" in path.strip("/")}
    bases = (ROOT, ROOT / "src" / "orak")
    missing = [path for path in named if not any((base / path).exists() for base in bases)]
    assert missing == []


def test_the_programs_of_the_embedding_guide_run(tmp_path):
    write_sung_sample(tmp_path / "take.webm")
    guide = ROOT / "docs" / "guides" / "embedding.md"
    for program in re.findall(r"```python\n(.*?)```", guide.read_text(), re.DOTALL):
        run = subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert run.returncode == 0, run.stderr


def test_the_webhook_receiver_of_the_guide_accepts_what_orak_signs_and_nothing_else():
    guide = ROOT / "docs" / "guides" / "webhooks.md"
    [receiver] = re.findall(r"```python\n(.*?)```", guide.read_text(), re.DOTALL)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = f"SECRETS, PORT = ['whsec_a'], {port}\n{receiver}"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            deadline = time.monotonic() + 20
            while True:
                try:
                    good = post(port, BODY)
                    break
                except httpx.ConnectError:
                    assert time.monotonic() < deadline
                    time.sleep(0.05)  # another process sets no event
            assert good == 204
            assert process.stdout.readline() == "UploadRequested 15\n"
            assert post(port, BODY, forged=True) == 401
        finally:
            process.kill()


def post(port, body, *, forged=False):
    header = signature(["whsec_a"], datetime.now(UTC), body)
    return httpx.post(
        f"http://127.0.0.1:{port}", content=body + b" " * forged, headers={"Orak-Signature": header}
    ).status_code
