"""Walking a tree of object files in the order of their keys."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from orak.adapters.storage.disk import on_disk, opened_folder
from orak.adapters.storage.keys import LONG, OBJECT, is_usable
from orak.adapters.storage.object_file import Place, open_object
from orak.application.ports.storage import ListedObject
from orak.domain.upload import StoredObject

_BATCH = 256


class _Entry(msgspec.Struct, frozen=True):
    """A file under its key, or a folder under what the keys of its objects begin with."""

    key: str
    place: Place

    @property
    def is_folder(self) -> bool:
        return self.key.endswith("/")


async def walk(root: Path, prefix: str) -> AsyncIterator[ListedObject]:
    """Yield the objects whose keys begin with *prefix*, in the order of the keys' UTF-8 bytes.

    Only the names of one folder are held at a time, and of those above it. A folder's key ends in a slash, so
    no key of a file beside it begins with that: in the order of such keys, whatever is in the folder comes
    where the folder does.
    """
    *above, _ = prefix.split("/")
    waiting = await on_disk(_entries, root, tuple(above), prefix)
    while waiting:
        batch = [waiting.pop()]
        if batch[0].is_folder:
            place = batch[0].place
            waiting += await on_disk(_entries, root, (*place.folders, place.name), prefix)
            continue
        while waiting and not waiting[-1].is_folder and len(batch) < _BATCH:
            batch.append(waiting.pop())
        for info in await on_disk(_read, root, batch):
            yield ListedObject(info.key, info.size, info.modified_at)


def _entries(root: Path, folders: tuple[str, ...], prefix: str) -> list[_Entry]:
    """Return what of a folder belongs to *prefix*, the last first."""
    if not is_usable("/".join((*folders, "any"))):
        return []
    try:
        with opened_folder(root, folders) as folder, os.scandir(folder) as found:
            files = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in found]
    except FileNotFoundError:
        return []
    keys = ((_key(root, Place(folders, name), is_folder=is_folder), name) for name, is_folder in files)
    entries = [_Entry(key, Place(folders, name)) for key, name in keys if key and key.startswith(prefix)]
    return sorted(entries, key=lambda entry: entry.key.encode(), reverse=True)


def _key(root: Path, place: Place, *, is_folder: bool) -> str | None:
    """Return an entry's key; None for what does not belong to the store."""
    path = "/".join((*place.folders, place.name))
    if is_folder:
        return f"{path}/" if is_usable(f"{path}/any") else None
    if place.name.endswith(LONG):  # its name is a hash; the key stands inside
        found = _read_one(root, place)
        return found.key if found else None
    key = path.removesuffix(OBJECT)
    return key if key != path and is_usable(key) else None


def _read(root: Path, entries: list[_Entry]) -> list[StoredObject]:
    found = (_read_one(root, entry.place) for entry in entries)
    return [info for info in found if info is not None]  # some were deleted meanwhile


def _read_one(root: Path, place: Place) -> StoredObject | None:
    found = open_object(root, place)
    if found is None:
        return None
    file, info = found
    file.close()
    return info
