"""Signed URLs for stores that have no HTTP side of their own."""

import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

import msgspec

from orak.adapters.storage.keys import check_key
from orak.application.ports.clock import Clock
from orak.application.ports.object_server import InvalidSignature
from orak.application.ports.storage import SignedRequest
from orak.domain.identity import ObjectKey

_PURPOSE = b"orak signed URL v1"
_PUT_QUERY = frozenset({"expires", "size", "type", "signature"})
_GET_QUERY = frozenset({"expires", "signature"})
_AROUND_SEMICOLON = re.compile(r"[ \t]*;[ \t]*")


class SignedTerms(msgspec.Struct, frozen=True):
    """The type and size that a signed PUT must have."""

    content_type: str
    size: int


class UrlSigner:
    """Signs requests with HMAC-SHA256 and verifies its own signatures.

    The signature of a PUT covers method, key, expiry, length and type; that of a GET covers method, key and
    expiry. The HMAC key is derived from *secret* for this purpose only, so a signature made with *secret*
    elsewhere is never valid here.
    """

    def __init__(self, public_url: str, secret: bytes, clock: Clock) -> None:
        self._base = f"{public_url.rstrip('/')}/storage/"
        self._signing_key = hmac.digest(secret, _PURPOSE, "sha256")
        self._clock = clock

    def put(
        self, key: ObjectKey, *, content_type: str, content_length: int, create_only: bool, life: timedelta
    ) -> SignedRequest:
        """Sign an upload. Raise `InvalidKey` if no object can have this key."""
        headers = {"Content-Type": content_type}
        if create_only:
            # RFC 9110 §13.1.2. Here every PUT only creates, with or without the header.
            headers["If-None-Match"] = "*"
        return self._sign("PUT", key, life, {"size": str(content_length), "type": content_type}, headers)

    def get(self, key: ObjectKey, *, life: timedelta) -> SignedRequest:
        """Sign a download. Raise `InvalidKey` if no object can have this key."""
        return self._sign("GET", key, life, {}, {})

    def check_put(self, key: str, query: Mapping[str, str], content_type: str | None) -> SignedTerms:
        """Return the signed terms of a PUT.

        Raise `InvalidSignature` if the signature is invalid or expired.
        """
        self._check("PUT", key, query, _PUT_QUERY)
        terms = SignedTerms(query["type"], int(query["size"]))
        if content_type is None or _folded(content_type) != _folded(terms.content_type):
            raise InvalidSignature
        return terms

    def check_get(self, key: str, query: Mapping[str, str]) -> None:
        """Raise `InvalidSignature` if the signature of a GET is invalid or expired."""
        self._check("GET", key, query, _GET_QUERY)

    def _sign(
        self,
        method: str,
        key: ObjectKey,
        life: timedelta,
        terms: Mapping[str, str],
        headers: Mapping[str, str],
    ) -> SignedRequest:
        check_key(key)
        expires = int((self._clock.now() + life).timestamp())
        query = {"expires": str(expires), **terms}
        query["signature"] = self._signature(method, key, query)
        url = f"{self._base}{quote(key)}?{urlencode(query, quote_via=quote, safe='')}"
        return SignedRequest(method, url, headers, datetime.fromtimestamp(expires, UTC))

    def _check(self, method: str, key: str, query: Mapping[str, str], expected: frozenset[str]) -> None:
        # Refuse unsigned parameters: ignoring them would let a stranger add meaning to a signed URL.
        if query.keys() != expected:
            raise InvalidSignature
        signature = self._signature(method, key, query).encode()
        if not hmac.compare_digest(signature, _bytes(query["signature"])):
            raise InvalidSignature
        # The signature is valid, so this signer wrote the numbers and they parse.
        if self._clock.now().timestamp() >= int(query["expires"]):
            raise InvalidSignature

    def _signature(self, method: str, key: str, query: Mapping[str, str]) -> str:
        fields = [method, key, query["expires"], query.get("size", ""), query.get("type", "")]
        # Prefix each field with its length, so that different requests never produce the same message.
        message = b"".join(len(field).to_bytes(8, "big") + field for field in map(_bytes, fields))
        return hmac.digest(self._signing_key, message, "sha256").hex()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # untrusted input may hold lone surrogates


def _folded(content_type: str) -> str:
    """Normalise what clients rewrite in a Content-Type: case, and blanks around `;`."""
    return _AROUND_SEMICOLON.sub(";", content_type.strip(" \t")).lower()
