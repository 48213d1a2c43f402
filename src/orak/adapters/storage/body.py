"""The body of a PUT, checked against its length."""

from collections.abc import AsyncGenerator, AsyncIterator

from orak.application.ports.object_server import LengthMismatch

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
