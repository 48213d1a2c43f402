"""Signed URLs for stores that have no HTTP side of their own."""

import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import quote

import msgspec

from orak.adapters.storage.keys import check_key
from orak.application.ports.clock import Clock
from orak.application.ports.object_server import InvalidSignature
from orak.application.ports.storage import SignedRequest
from orak.domain.identity import ObjectKey

_PURPOSE = b"orak signed URL v1"
_PUT_QUERY = frozenset({"expires", "size", "type", "signature"})
_AROUND_SEMICOLON = re.compile(r"[ \t]*;[ \t]*")


class SignedTerms(msgspec.Struct, frozen=True):
    """The type and size that a signed PUT must have."""

    content_type: str
    size: int


class UrlSigner:
    """Signs uploads with HMAC-SHA256 and verifies its own signatures.

    A signature covers method, key, expiry, length and type. The HMAC key is derived from *secret* for this
    purpose only, so a signature made with *secret* elsewhere is never valid here.
    """

    def __init__(self, public_url: str, secret: bytes, clock: Clock) -> None:
        self._base = f"{public_url.rstrip('/')}/storage/"
        # It has read nothing yet; a copy of it takes a fraction of the time of a new one.
        self._hmac = hmac.new(hmac.digest(secret, _PURPOSE, "sha256"), digestmod=sha256)
        self._clock = clock

    def put(
        self, key: ObjectKey, *, content_type: str, content_length: int, create_only: bool, life: timedelta
    ) -> SignedRequest:
        """Sign an upload. Raise `InvalidKey` if no object can have this key."""
        check_key(key)
        expires = int((self._clock.now() + life).timestamp())
        signature = self._signature(key, str(expires), str(content_length), content_type)
        url = (
            f"{self._base}{quote(key)}?expires={expires}&size={content_length}"
            f"&type={quote(content_type, safe='')}&signature={signature}"
        )
        headers = {"Content-Type": content_type}
        if create_only:
            # RFC 9110 §13.1.2. Here every PUT only creates, with or without the header.
            headers["If-None-Match"] = "*"
        return SignedRequest("PUT", url, headers, datetime.fromtimestamp(expires, UTC))

    def check_put(self, key: str, query: Mapping[str, str], content_type: str | None) -> SignedTerms:
        """Return the signed terms of a PUT.

        Raise `InvalidSignature` if the signature is invalid or expired.
        """
        # Refuse unsigned parameters: ignoring them would let a stranger add meaning to a signed URL.
        if query.keys() != _PUT_QUERY:
            raise InvalidSignature
        signature = self._signature(key, query["expires"], query["size"], query["type"]).encode()
        if not hmac.compare_digest(signature, _bytes(query["signature"])):
            raise InvalidSignature
        # The signature is valid, so this signer wrote the numbers and they parse.
        if self._clock.now().timestamp() >= int(query["expires"]):
            raise InvalidSignature
        terms = SignedTerms(query["type"], int(query["size"]))
        if content_type is None or _folded(content_type) != _folded(terms.content_type):
            raise InvalidSignature
        return terms

    def _signature(self, key: str, expires: str, size: str, content_type: str) -> str:
        fields = [_bytes(field) for field in ("PUT", key, expires, size, content_type)]
        signature = self._hmac.copy()
        # Prefix each field with its length, so that different requests never produce the same message.
        signature.update(b"".join([len(field).to_bytes(8, "big") + field for field in fields]))
        return signature.hexdigest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # untrusted input may hold lone surrogates


def _folded(content_type: str) -> str:
    """Normalise what clients rewrite in a Content-Type: case, and blanks around `;`."""
    return _AROUND_SEMICOLON.sub(";", content_type.strip(" \t")).lower()
