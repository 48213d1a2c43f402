"""URLs that carry their own permission, for stores that have no HTTP side of their own."""

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
    """What the sender of a signed PUT is held to."""

    content_type: str
    size: int


class UrlSigner:
    """Signs requests by HMAC-SHA256 and recognises what it signed.

    A PUT is bound to method, key, expiry, length and type, a GET to method, key and expiry. The key of the
    HMAC is derived from *secret* for this purpose alone: no signature made with it elsewhere fits here.
    """

    def __init__(self, public_url: str, secret: bytes, clock: Clock) -> None:
        self._base = f"{public_url.rstrip('/')}/storage/"
        self._signing_key = hmac.digest(secret, _PURPOSE, "sha256")
        self._clock = clock

    def put(
        self, key: ObjectKey, *, content_type: str, content_length: int, create_only: bool, life: timedelta
    ) -> SignedRequest:
        """Sign an upload. Raise `UnusableKey` for a key that no object can have."""
        headers = {"Content-Type": content_type}
        if create_only:
            headers["If-None-Match"] = (
                "*"  # RFC 9110 §13.1.2; here every PUT creates, whether it says so or not
            )
        return self._sign("PUT", key, life, {"size": str(content_length), "type": content_type}, headers)

    def get(self, key: ObjectKey, *, life: timedelta) -> SignedRequest:
        """Sign a download. Raise `UnusableKey` for a key that no object can have."""
        return self._sign("GET", key, life, {}, {})

    def check_put(self, key: str, query: Mapping[str, str], content_type: str | None) -> SignedTerms:
        """Return what this PUT was signed for. Raise `InvalidSignature` if it is invalid or expired."""
        self._check("PUT", key, query, _PUT_QUERY)
        terms = SignedTerms(query["type"], int(query["size"]))
        if content_type is None or _folded(content_type) != _folded(terms.content_type):
            raise InvalidSignature
        return terms

    def check_get(self, key: str, query: Mapping[str, str]) -> None:
        """Raise `InvalidSignature` unless this GET was signed and its time is not over."""
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
        # An unsigned parameter is refused, not ignored: nobody can hang a meaning on a URL that we signed.
        if query.keys() != expected:
            raise InvalidSignature
        signature = self._signature(method, key, query).encode()
        if not hmac.compare_digest(signature, _bytes(query["signature"])):
            raise InvalidSignature
        # From here on the numbers are ours, so they parse.
        if self._clock.now().timestamp() >= int(query["expires"]):
            raise InvalidSignature

    def _signature(self, method: str, key: str, query: Mapping[str, str]) -> str:
        fields = [method, key, query["expires"], query.get("size", ""), query.get("type", "")]
        # Each field after its length: no two requests give the same message, whatever a field holds.
        message = b"".join(len(field).to_bytes(8, "big") + field for field in map(_bytes, fields))
        return hmac.digest(self._signing_key, message, "sha256").hex()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # what a stranger sends may hold anything


def _folded(content_type: str) -> str:
    """Fold what clients change in a Content-Type by themselves: case, and blanks around `;`."""
    return _AROUND_SEMICOLON.sub(";", content_type.strip(" \t")).lower()
