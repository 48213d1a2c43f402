"""The body of a PUT: its length, and whether it is that of a stored object."""

from collections.abc import AsyncGenerator, AsyncIterator
from hashlib import sha256

from orak.application.ports.object_server import LengthMismatch, ObjectExists
from orak.domain.upload import StoredObject

CHUNK = 256 * 1024
"""Bytes per disk operation: enough to make the cost of changing threads negligible."""


async def exactly(size: int, body: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """Yield *body* in larger pieces.

    Raise `LengthMismatch` as soon as the body cannot have exactly *size* bytes.
    """
    received = 0
    piece = bytearray()
    async for chunk in body:
        received += len(chunk)
        if received > size:
            raise LengthMismatch
        piece += chunk
        if len(piece) >= CHUNK:
            yield bytes(piece)
            piece.clear()
    if received != size:
        raise LengthMismatch
    if piece:
        yield bytes(piece)


def etag(sha256_hex: str) -> str:
    """Return the ETag of the bytes with this SHA-256; RFC 9110 §8.8.3 requires the quotes."""
    return f'"{sha256_hex}"'


async def etag_of(pieces: AsyncIterator[bytes]) -> str:
    """Read a body to its end and return its ETag; nothing is kept."""
    digest = sha256()
    async for piece in pieces:
        digest.update(piece)
    return etag(digest.hexdigest())


def same_object(stored: StoredObject, etag_of_body: str) -> StoredObject:
    """Return *stored* if it has these bytes. Raise `ObjectExists` if it has others."""
    if stored.etag != etag_of_body:
        raise ObjectExists
    return stored
