"""Which keys an object may have, whatever it is kept in."""

INCOMING = ".incoming"
"""Folder of what is still arriving; no key leads there."""

OBJECT = ".object"
LONG = ".long"
"""How the names of files that hold objects end; a folder's never does."""

_MAX_KEY = 1024  # as on S3
_MAX_FOLDER = 255  # NAME_MAX of every usual file system, in bytes


class UnusableKey(ValueError):
    """No object can have this key. Asking for it is a bug, or an attack."""


def check_key(key: str) -> None:
    """Raise `UnusableKey` unless *key* names a place that is below the root and nowhere else.

    A key is 1 to 1,024 bytes of UTF-8 without NUL; none of the parts between its slashes is empty, `.` or
    `..`, because HTTP clients and file systems give these a meaning of their own (RFC 3986 §5.2.4). A folder
    has at most 255 bytes and does not end like an object's file.
    """
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        raise UnusableKey("a key is UTF-8") from None
    *folders, _ = parts = key.split("/")
    if size > _MAX_KEY or "\0" in key or not {"", ".", ".."}.isdisjoint(parts):
        raise UnusableKey("this key leads nowhere")
    if parts[0] == INCOMING or any(
        len(folder.encode()) > _MAX_FOLDER or folder.endswith((OBJECT, LONG)) for folder in folders
    ):
        raise UnusableKey("a folder cannot have this name")


def is_usable(key: str) -> bool:
    """Whether an object may have this *key*."""
    try:
        check_key(key)
    except UnusableKey:
        return False
    return True
