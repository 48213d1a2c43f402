"""Shell blocks of the guides, as scripts that tests run.

A comment before each block says what tests do with it:

- `<!-- run: WORLD -->`: the blocks of one guide and world are one script, in their order.
- `<!-- shown: REASON -->`: tests do not run the block, for this reason.
"""

import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

GUIDES = Path(__file__).parents[2] / "docs" / "guides"
DEADLINE = 240
"""Seconds for one script: a busy machine starts a process in ten."""

_BLOCK = re.compile(r"(?:<!-- (run|shown): (.+?) -->\n+)?```(?:sh|console)\n(.*?)```", re.DOTALL)
_PRELUDE = "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT\n"


@dataclass(frozen=True)
class Block:
    """A shell block, and what its mark says."""

    mark: str
    """`run`, `shown`, or empty without a mark."""
    about: str
    """The world of a block to run, or the reason for another."""
    text: str


def blocks(guide: Path) -> list[Block]:
    return [Block(mark, about, text) for mark, about, text in _BLOCK.findall(guide.read_text())]


def script(guide: str, world: str) -> str:
    """Return all blocks of *guide* that run in *world*, one after the other."""
    found = [block.text for block in blocks(GUIDES / guide) if (block.mark, block.about) == ("run", world)]
    assert found, f"{guide} has no block to run in {world}"
    return "".join(found)


def run_script(text: str, folder: Path, environment: dict[str, str], *programs: Path) -> str:
    """Run *text* with bash in *folder*; return what it printed, also to standard error.

    It finds `orak` and the programs in the folders *programs* first. It ends with the first command that
    fails, and with it every process that it started.
    """
    log = folder / "said.log"
    path = os.pathsep.join([str(Path(sys.executable).parent), *map(str, programs), os.environ["PATH"]])
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["bash", "-c", _PRELUDE + text],
            cwd=folder,
            env={"PATH": path, "HOME": str(folder), "LANG": "C.UTF-8", "PYTHONUTF8": "1", **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise AssertionError(f"the script does not end:\n{log.read_text()}") from None
    said = log.read_text()
    assert code == 0, said
    return said
