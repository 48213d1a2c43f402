from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from orak.domain.errors import OrakError
from orak.domain.upload import StoredObject


class InvalidSignature(OrakError):
    """The signature is not for this request, or it has expired."""

    summary = "the signature is wrong or expired"


class ObjectExists(OrakError):
    """An object with other bytes has this key, and a PUT never overwrites a stored object."""

    summary = "another object has this key already"


class LengthMismatch(OrakError):
    """The body had another length than was signed, or an unknown one.

    Nothing was stored.
    """

    summary = "the body does not have the signed length"


class ObjectServer(Protocol):
    """The HTTP side of a store that has none of its own.

    It checks what `Storage.presign_put` signed.
    """

    async def receive(
        self,
        key: str,
        query: Mapping[str, str],
        *,
        content_type: str | None,
        content_length: int | None,
        body: AsyncIterator[bytes],
    ) -> StoredObject:
        """Store the body of a signed PUT: all of it, durably, or nothing.

        A client repeats a PUT if the answer to the first was lost. With the same bytes, every PUT therefore
        returns the stored object, also when several of them run at once.

        Raises:
            InvalidSignature: the signature is wrong or expired, or is for another key or type.
            ObjectExists: an object with other bytes has the key.
            LengthMismatch: Content-Length is absent or not the signed one, or the body has another length.
            Unavailable: the store failed; a repeat may work.
        """
        ...
