"""What the logs of a trial must hold, and what they must not."""

import json
import re
from collections.abc import Iterator

from reliability.clients import SECRET
from reliability.history import History
from reliability.world import World
from s3_servers import KEYS

_FORBIDDEN = (
    SECRET,
    KEYS.secret_key,
    "eyJ",  # how a token begins
    "X-Amz-Signature=",
    "X-Amz-Credential=",
    "signature=",
    "secret song",  # in the name of every file
    "secret_song",
    "secret%20song",
)
_ALWAYS = {"time", "level", "logger", "event", "message"}
_OF_COMMAND = re.compile("(error|hint|warning): ")
"""What a command prints that cannot start, for the person who started it."""


def leaks(world: World, history: History) -> list[str]:
    """Return the tokens, signatures, file names and titles that the logs hold."""
    text = world.logs()
    titles = [record.title for record in history.records]
    return [word for word in {*_FORBIDDEN, *history.secrets, *titles} if word in text]


def unstructured(world: World) -> list[str]:
    """Return the lines that are no JSON objects with the fields that every line has.

    A process that is killed may leave half a line, which the next process continues: at most one for each
    kill. The last line may be half written, too, while this reads it.
    """
    found = []
    for log in world.folder.glob("*.log"):
        text = log.read_text(errors="replace").splitlines()
        broken = [line for line in text if _fields(line) is None and not _OF_COMMAND.match(line)]
        cut_off = [line for line in broken if line.startswith("{") or line.endswith("}")]
        found += [line[:200] for line in broken if line not in cut_off]
        found += [line[:200] for line in cut_off[world.kills + 1 :]]
    return found


def unfollowed(world: World) -> list[str]:
    """Return the conversions that no request id leads to from the line of an HTTP request.

    A process that is killed loses the lines of the last turn of its event loop, so that the line of a request
    may be missing. If no process was killed, every conversion must be found, and otherwise most of them.
    """
    lines = [*_lines(world)]
    requests = {line["requestId"] for line in lines if line["event"] == "request"}
    conversions = [line for line in lines if line["event"] == "conversion"]
    lost = [line for line in conversions if line.get("requestId") not in requests]
    few = 0 if world.has_links else len(conversions) // 2
    return [json.dumps(line) for line in lost] if len(lost) > few or not conversions else []


def _lines(world: World) -> Iterator[dict[str, object]]:
    for log in world.folder.glob("*.log"):
        for text in log.read_text(errors="replace").splitlines():
            if (line := _fields(text)) is not None:
                yield line


def _fields(text: str) -> dict[str, object] | None:
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) and line.keys() >= _ALWAYS else None
