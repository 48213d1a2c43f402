"""Listing a tree of object files in the order of their keys."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from orak.adapters.storage.disk import on_disk, opened_folder
from orak.adapters.storage.keys import LONG, OBJECT, is_valid
from orak.adapters.storage.object_file import ObjectPath, open_object
from orak.application.ports.storage import ListedObject
from orak.domain.upload import StoredObject

_BATCH = 256


class _Entry(msgspec.Struct, frozen=True):
    """A file with its object's key, or a folder with the prefix of its objects' keys."""

    key: str
    path: ObjectPath

    @property
    def is_folder(self) -> bool:
        return self.key.endswith("/")


async def walk(root: Path, prefix: str) -> AsyncIterator[ListedObject]:
    """Yield the objects whose keys begin with *prefix*, ordered by UTF-8 bytes.

    Memory holds the names of one folder and its parents only. The prefix of a folder ends in a slash, and no
    file beside the folder has a key that begins with it. Sorted by these, a folder therefore stands exactly
    where its objects belong.
    """
    *parents, _ = prefix.split("/")
    waiting = await on_disk(_entries, root, tuple(parents), prefix)
    while waiting:
        batch = [waiting.pop()]
        if batch[0].is_folder:
            path = batch[0].path
            waiting += await on_disk(_entries, root, (*path.folders, path.name), prefix)
            continue
        while waiting and not waiting[-1].is_folder and len(batch) < _BATCH:
            batch.append(waiting.pop())
        for info in await on_disk(_read, root, batch):
            yield ListedObject(info.key, info.size, info.modified_at)


def _entries(root: Path, folders: tuple[str, ...], prefix: str) -> list[_Entry]:
    """Return the entries of a folder that match *prefix*, the last first."""
    if not is_valid("/".join((*folders, "any"))):
        return []
    try:
        with opened_folder(root, folders) as folder, os.scandir(folder) as found:
            files = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in found]
    except FileNotFoundError:
        return []
    paths = [(ObjectPath(folders, name), is_folder) for name, is_folder in files]
    keys = ((_key(root, path, is_folder=is_folder), path) for path, is_folder in paths)
    entries = [_Entry(key, path) for key, path in keys if key and key.startswith(prefix)]
    return sorted(entries, key=lambda entry: entry.key.encode(), reverse=True)


def _key(root: Path, path: ObjectPath, *, is_folder: bool) -> str | None:
    """Return the key of an entry; None if the entry does not belong to the store."""
    joined = "/".join((*path.folders, path.name))
    if is_folder:
        return f"{joined}/" if is_valid(f"{joined}/any") else None
    if path.name.endswith(LONG):  # the file is named by a hash; its footer holds the key
        found = _read_one(root, path)
        return found.key if found else None
    key = joined.removesuffix(OBJECT)
    return key if key != joined and is_valid(key) else None


def _read(root: Path, entries: list[_Entry]) -> list[StoredObject]:
    found = (_read_one(root, entry.path) for entry in entries)
    return [info for info in found if info is not None]  # some were deleted after the folder was read


def _read_one(root: Path, path: ObjectPath) -> StoredObject | None:
    found = open_object(root, path)
    if found is None:
        return None
    file, info = found
    file.close()
    return info
