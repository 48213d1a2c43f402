"""Ids, and the keys of objects."""

import re
import unicodedata
from typing import NewType

UserId = NewType("UserId", int)
SongId = NewType("SongId", int)
UploadId = NewType("UploadId", int)
RecordId = NewType("RecordId", int)
ObjectKey = NewType("ObjectKey", str)
EventKey = NewType("EventKey", str)
"""What an event says of an object's key: folder and uuid, and the attempt of a rendition; no file name."""

MAX_ID = 2**53 - 1
"""Number.MAX_SAFE_INTEGER: the largest id that a JavaScript client reads back unchanged."""

RECORDINGS = "recordings"
"""Folder of uploaded originals; none of them is ever public."""

PUBLISHED = "published"
"""Folder of renditions; the only public folder."""

PRIVATE = "private"
"""Folder of renditions that only signed URLs reach; no record is private in this release."""

FOLDERS = (RECORDINGS, PRIVATE, PUBLISHED)
"""Every folder whose keys end in a file name."""

_UNSAFE = re.compile(r"[^\w.-]+")
_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_OWN_KEY = re.compile(
    rf"{RECORDINGS}/(?P<original>{_UUID})_.+|{PUBLISHED}/(?P<published>{_UUID})/[0-9]+_.+", re.DOTALL
)
_ATTEMPT = re.compile("/[0-9]+(?=_)")
_MAX_SAFE_NAME = 100  # 400 bytes of UTF-8 at worst: far below S3's 1,024 for a key


def safe_name(filename: str) -> str:
    """Return the part of *filename* that an object key may hold.

    It is the last path segment, reduced to letters, digits and `._-`.
    """
    last = unicodedata.normalize("NFC", filename).replace("\\", "/").rpartition("/")[2]
    stem, dot, extension = last.rpartition(".")
    stem = _UNSAFE.sub("_", stem).strip("._-")[: _MAX_SAFE_NAME - len(extension) - 1]
    return f"{stem or 'take'}{dot}{_UNSAFE.sub('_', extension).lower()}"


def original_key(uuid: str, filename: str) -> ObjectKey:
    """Return the key of an upload's original object."""
    return ObjectKey(f"{RECORDINGS}/{uuid}_{safe_name(filename)}")


def event_key(key: ObjectKey, uuid: str) -> EventKey:
    """Return *key*, which belongs to the upload with this *uuid*, without the file name.

    It is `recordings/<uuid>`, and `published/<uuid>/<attempt>` for a rendition; empty for a foreign key.
    """
    folder, found, rest = key.partition(f"/{uuid}")
    attempt = _ATTEMPT.match(rest)
    return EventKey(f"{folder}{found}{attempt[0] if attempt else ''}" if found else "")


def uuid_of(key: str) -> str | None:
    """Return the uuid of the upload that the object belongs to.

    Return None for a key that orak did not make.
    """
    found = _OWN_KEY.fullmatch(key)
    return found["original"] or found["published"] if found else None


def published_prefix(uuid: str) -> str:
    """Return the key prefix of all output of one upload, whichever attempt wrote it."""
    return f"{PUBLISHED}/{uuid}/"


def published_attempt(key: ObjectKey) -> int:
    """Return the number of the attempt that wrote a published object."""
    return int(key.rpartition("/")[2].partition("_")[0])


def published_key(uuid: str, attempt: int, filename: str, extension: str) -> ObjectKey:
    """Return the key of one attempt's output.

    No two attempts of an upload share a key.
    """
    stem = safe_name(filename).rpartition(".")[0]
    return ObjectKey(f"{published_prefix(uuid)}{attempt}_{stem}.{extension}")
