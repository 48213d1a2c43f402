from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from orak.application.ports.open_object import OpenObject
from orak.domain.errors import OrakError
from orak.domain.upload import StoredObject


class InvalidSignature(OrakError):
    """The signature is not for this request, or it has expired."""

    summary = "the signature is wrong or expired"


class ObjectExists(OrakError):
    """An object has this key already, and a PUT never overwrites a stored object."""

    summary = "the object exists already"


class LengthMismatch(OrakError):
    """The body had another length than was signed, or an unknown one.

    Nothing was stored.
    """

    summary = "the body does not have the signed length"


class ObjectServer(Protocol):
    """The HTTP side of a store that has none of its own.

    It checks what `Storage.presign_…` signed. Every method may raise `Unavailable`.
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

        Raises:
            InvalidSignature: the signature is wrong or expired, or is for another method, key or type.
            ObjectExists: the key is taken. When several PUTs race, all but one get this.
            LengthMismatch: Content-Length is absent or not the signed one, or the body has another length.
        """
        ...

    async def open_signed(self, key: str, query: Mapping[str, str]) -> OpenObject:
        """Open the object of a signed GET. Raise `InvalidSignature` or `ObjectMissing`."""
        ...
