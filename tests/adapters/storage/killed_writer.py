"""Writer of one object, run in many child processes, each killed at a different moment.

Run as `killed_writer.py receive|publish FOLDER`: each trial has its own root in FOLDER. Prints how many
children were killed at a certain step, and how many at a random time.
"""

import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from orak.adapters.clock.frozen import FrozenClock
from orak.adapters.storage.local import LocalStorage
from orak.domain.identity import ObjectKey

KEY = ObjectKey("published/u-u-i-d/1_노래.webm")
TYPE = "audio/webm"
OLD, NEW = b"old" * 100_000, b"new!" * 200_000

_AT_RANDOM = 25


def a_storage(root: Path) -> LocalStorage:
    return LocalStorage(root, "http://orak.test", b"k" * 32, FrozenClock())


async def receive(storage: LocalStorage) -> None:
    async def body() -> AsyncIterator[bytes]:
        for start in range(0, len(NEW), 65_536):
            yield NEW[start : start + 65_536]

    signed = storage.presign_put(
        KEY, content_type=TYPE, content_length=len(NEW), create_only=True, life=timedelta(hours=1)
    )
    query = dict(parse_qsl(urlsplit(signed.url).query))
    await storage.receive(KEY, query, content_type=TYPE, content_length=len(NEW), body=body())


async def publish(storage: LocalStorage) -> None:
    await storage.publish(KEY, _source(storage), content_type=TYPE)


def _source(storage: LocalStorage) -> Path:
    return storage._root.with_suffix(".source")


async def _prepare(kind: str, root: Path) -> None:
    async with LocalStorage.open(root, "http://orak.test", b"k" * 32, FrozenClock()) as storage:
        if kind == "publish":
            _source(storage).write_bytes(OLD)
            await publish(storage)
            _source(storage).write_bytes(NEW)


def _die_at_step(step: int) -> None:
    """Kill this process at the *step*-th call to the operating system from here on."""
    steps = count()

    def hook(event: str, _: object) -> None:
        if event.startswith(("open", "os.", "fcntl.")) and next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def _trial(kind: str, root: Path, prepare_death: Callable[[], None], kill_after: float | None) -> bool:
    """Return whether the writer was killed before it finished."""
    asyncio.run(_prepare(kind, root))
    child = os.fork()
    if child == 0:
        prepare_death()
        asyncio.run({"receive": receive, "publish": publish}[kind](a_storage(root)))
        os._exit(0)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def main(kind: str, folder: Path) -> None:
    steps = 0
    while _trial(kind, folder / f"step-{steps:03}", partial(_die_at_step, steps), None):
        steps += 1
    chance = random.Random(1)  # noqa: S311 - repeatable, and no secret
    at_random = sum(
        _trial(kind, folder / f"random-{number:03}", lambda: None, chance.uniform(0, 0.02))
        for number in range(_AT_RANDOM)
    )
    print(steps, at_random)  # noqa: T201 - the test reads it


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
