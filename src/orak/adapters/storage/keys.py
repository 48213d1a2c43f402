"""The keys that an object may have, the same for every store."""

INCOMING = ".incoming"
"""Name of the folder for unfinished objects; no key leads there."""

OBJECT = ".object"
LONG = ".long"
"""Suffixes of files that hold objects; a folder's name never ends in either."""

_MAX_KEY = 1024  # bytes, as on S3
_MAX_FOLDER = 255  # bytes: NAME_MAX of the usual file systems


class InvalidKey(ValueError):
    """No object can have this key. Asking for it is a bug or an attack."""


def check_key(key: str) -> None:
    """Raise `InvalidKey` unless *key* names a location below the root of every store.

    A key is 1 to 1,024 bytes of UTF-8 without NUL. No segment between slashes is empty, `.` or `..`: HTTP
    clients and file systems give these their own meaning (RFC 3986 §5.2.4). A folder name has at most 255
    bytes and no suffix of an object file.
    """
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        raise InvalidKey("the key is not valid UTF-8") from None
    *folders, _ = segments = key.split("/")
    if size > _MAX_KEY:
        raise InvalidKey(f"the key has more than {_MAX_KEY} bytes")
    if "\0" in key or not {"", ".", ".."}.isdisjoint(segments):
        raise InvalidKey("the key holds NUL, or an empty, `.` or `..` segment")
    if segments[0] == INCOMING or any(
        len(folder.encode()) > _MAX_FOLDER or folder.endswith((OBJECT, LONG)) for folder in folders
    ):
        raise InvalidKey("the key has a folder name that is reserved or too long")


def is_valid(key: str) -> bool:
    """Whether an object may have this *key*."""
    try:
        check_key(key)
    except InvalidKey:
        return False
    return True
