"""The file format of an object on disk: its bytes, then a footer.

    bytes | StoredObject as JSON | length of the JSON, 4 bytes, big-endian | b"orakobj1"

The answer to a HEAD is thus stored in the same inode as the bytes. A file is complete and synced before one
link or rename gives it its name, and is never written to again. A reader that finds the name finds the whole
object; a reader that has the file open keeps this version, even after the name is removed or replaced.
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
_MAX_PLAIN = 255 - len(OBJECT)  # bytes: NAME_MAX less the suffix


class ObjectPath(msgspec.Struct, frozen=True):
    """The path of an object's file, relative to the root."""

    folders: tuple[str, ...]
    name: str


def path_of(key: str) -> ObjectPath:
    """Return where the object of *key* is stored. Raise `InvalidKey`.

    A last segment that is too long for a file name (100 Korean characters are) is replaced by its hash.
    """
    check_key(key)
    *folders, last = key.split("/")
    encoded = last.encode()
    name = last + OBJECT if len(encoded) <= _MAX_PLAIN else sha256(encoded).hexdigest() + LONG
    return ObjectPath(tuple(folders), name)


def footer(info: StoredObject) -> bytes:
    """Return the footer that follows the bytes of an object."""
    encoded = msgspec.json.encode(info)
    return encoded + _END.pack(len(encoded), _MAGIC)


def read_footer(descriptor: int) -> StoredObject | None:
    """Return the footer of an open file; None if the file holds no object."""
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


def open_object(root: Path, path: ObjectPath) -> tuple[FileIO, StoredObject] | None:
    """Open an object's file, which the caller closes; None if it does not exist."""
    try:
        with opened_folder(root, path.folders) as folder:
            file = FileIO(path.name, opener=partial(open_within, folder))
    except FileNotFoundError:
        return None
    info = read_footer(file.fileno())
    if info is None:
        file.close()
        return None
    return file, info
