"""The body of a PUT, held to its length."""

from collections.abc import AsyncGenerator, AsyncIterator

from orak.application.ports.object_server import LengthMismatch

CHUNK = 256 * 1024
"""Bytes that go to or from a disk at once: enough that changing threads costs nothing beside it."""


async def measured(body: AsyncIterator[bytes], size: int) -> AsyncGenerator[bytes]:
    """Pass *body* on in larger pieces. Raise `LengthMismatch` as soon as it cannot be of this *size*."""
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
