"""kill -9 at every step of a write and at random: the object is whole or absent, and a retry works."""

import subprocess
import sys
from pathlib import Path

import killed_writer
from killed_writer import KEY, NEW, OLD, TYPE

from orak.adapters.clock.frozen import FrozenClock
from orak.adapters.storage.local import LocalStorage


def killed(kind: str, folder: Path) -> list[Path]:
    """Run the writer in children that are killed; return the roots that they leave."""
    command = [sys.executable, killed_writer.__file__, kind, str(folder)]
    writer = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    at_steps, at_random = map(int, writer.stdout.split())
    assert at_steps > 10  # a write makes more than ten calls, each a step to be killed at
    assert at_random > 0
    return sorted(path for path in folder.iterdir() if path.is_dir())


def reopened(root: Path):
    return LocalStorage.open(root, "http://orak.test", b"k" * 32, FrozenClock())


def leftovers(root: Path) -> list[Path]:
    return list((root / ".incoming").iterdir())


async def content(storage: LocalStorage) -> bytes | None:
    info = await storage.head(KEY)
    if info is None:
        return None
    opened = await storage.open_public(KEY)
    found = b"".join([piece async for piece in opened.read(0, info.size)])
    await opened.close()
    assert (info.size, info.content_type) == (len(found), TYPE)
    return found


async def test_a_killed_put_leaves_the_whole_object_or_nothing(tmp_path):
    seen = set()
    for root in killed("receive", tmp_path):
        async with reopened(root) as storage:
            found = await content(storage)
            assert leftovers(root) == []
            await killed_writer.receive(storage)
            assert await content(storage) == NEW
            assert [info.key async for info in storage.list("")] == [KEY]
            seen.add(found)
    assert seen == {None, NEW}


async def test_a_killed_publication_leaves_the_old_object_or_the_new_one(tmp_path):
    seen = set()
    for root in killed("publish", tmp_path):
        async with reopened(root) as storage:
            seen.add(await content(storage))
            assert leftovers(root) == []
            await killed_writer.publish(storage)
            assert await content(storage) == NEW
            assert [info.key async for info in storage.list("")] == [KEY]
    assert seen == {OLD, NEW}
