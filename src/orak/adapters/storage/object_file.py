"""How an object lies on a disk: as one file, its bytes first, then what is to be known of them.

    bytes | StoredObject as JSON | length of the JSON, 4 bytes, big-endian | b"orakobj1"

What a HEAD answers thus stands in the same inode as the bytes. The file is complete and synced before it gets
its name, by a single link or rename, and is never written to afterwards: whoever finds the name finds all of
it, and whoever has it open keeps reading the same version, whatever happens to the name.
"""

import os
import struct
from functools import partial
from hashlib import sha256
from io import FileIO
from pathlib import Path

import msgspec

from orak.adapters.storage.disk import open_within, opened_folder
from orak.adapters.storage.keys import LONG, OBJECT, check_key
from orak.domain.upload import StoredObject

_MAGIC = b"orakobj1"
_END = struct.Struct(f">I{len(_MAGIC)}s")
_MAX_PLAIN = 255 - len(OBJECT)  # NAME_MAX, in bytes


class Place(msgspec.Struct, frozen=True):
    """Where a key's object lies below the root."""

    folders: tuple[str, ...]
    name: str


def place_of(key: str) -> Place:
    """Say where the object of *key* lies. Raise `UnusableKey` if there can be none.

    A last part that is too long for a file name, as Korean ones of 100 characters are, is named by its hash.
    """
    check_key(key)
    *folders, last = key.split("/")
    encoded = last.encode()
    name = last + OBJECT if len(encoded) <= _MAX_PLAIN else sha256(encoded).hexdigest() + LONG
    return Place(tuple(folders), name)


def footer(info: StoredObject) -> bytes:
    """Return what stands after the bytes of an object."""
    said = msgspec.json.encode(info)
    return said + _END.pack(len(said), _MAGIC)


def read_footer(descriptor: int) -> StoredObject | None:
    """Return what an open file says of the object in it; None if it holds none."""
    length = os.fstat(descriptor).st_size
    end = os.pread(descriptor, _END.size, max(0, length - _END.size))
    if len(end) < _END.size:
        return None
    size, magic = _END.unpack(end)
    start = length - _END.size - size
    if magic != _MAGIC or start < 0:
        return None
    try:
        info = msgspec.json.decode(os.pread(descriptor, size, start), type=StoredObject)
    except msgspec.DecodeError:
        return None
    return info if info.size == start else None


def open_object(root: Path, place: Place) -> tuple[FileIO, StoredObject] | None:
    """Open the object's file, which the caller closes, or return None if nothing lies there."""
    try:
        with opened_folder(root, place.folders) as folder:
            file = FileIO(place.name, opener=partial(open_within, folder))
    except FileNotFoundError:
        return None
    info = read_footer(file.fileno())
    if info is None:
        file.close()
        return None
    return file, info
