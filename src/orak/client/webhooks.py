"""Verification of webhook signatures."""

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Protocol

import msgspec

from orak.client.answers import Answer
from orak.client.errors import OrakClientError

TOLERANCE = 300.0
"""Seconds that a signature's time may differ from this machine's clock, either way."""

_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_SIGNATURE = re.compile(r"[0-9a-f]{64}")


class InvalidWebhook(OrakClientError):
    """The request is forged, altered or too old. Ignore it."""


class WebhookEvent(Answer, frozen=True):
    """An event of an upload or of its record."""

    id: int
    """Repeated deliveries have the same id; ignore ids that you have seen."""
    type: str
    at: datetime
    position: int
    upload_id: int
    version: int
    """Version of the upload; ignore an event with a lower version than the last one."""
    user_id: int
    status: str
    attempt: int
    key: str
    """Folder and uuid of the object, and the attempt of a rendition; no file name."""
    record_id: int | None = None
    failures: int = 0
    failure: str | None = None


class Headers(Protocol):
    """The headers of a request: a dictionary, or what a web framework passes."""

    def items(self) -> Iterable[tuple[str, str]]:
        """Return names and values; the case of a name does not matter."""
        ...


def verify_webhook(
    body: bytes,
    headers: Headers | str,
    secrets: str | Sequence[str],
    *,
    now: float | None = None,
    tolerance: float = TOLERANCE,
) -> WebhookEvent:
    """Verify a webhook request; return its event.

    Args:
        body: the request's body, byte for byte.
        headers: the request's headers, of which those of Standard Webhooks (`webhook-id`,
            `webhook-timestamp`, `webhook-signature`) or else `Orak-Signature` are verified; or the value of
            `Orak-Signature` alone.
        secrets: the endpoint's signing secret; while it is being rotated, both.
        now: Unix time; by default from the clock.
        tolerance: seconds that the signature's time may differ from the clock, either way.

    Raises:
        InvalidWebhook: the signature, its time or the body is invalid. Don't tell the sender which.
    """
    known = [secrets] if isinstance(secrets, str) else list(secrets)
    values = {"orak-signature": headers} if isinstance(headers, str) else _lower(headers)
    if "webhook-signature" in values:
        timestamp = _verify_standard(body, values, known)
    else:
        timestamp = _verify_own(body, values.get("orak-signature", ""), known)
    if abs((time.time() if now is None else now) - timestamp) > tolerance:
        raise InvalidWebhook("the signature is too old, or this clock is wrong")
    try:
        return msgspec.json.decode(body, type=WebhookEvent)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidWebhook(f"the body is not an event: {error}") from error


def _verify_standard(body: bytes, headers: dict[str, str], secrets: Sequence[str]) -> int:
    """Verify the headers of Standard Webhooks 1.0; return the time."""
    timestamp = headers.get("webhook-timestamp", "")
    if not _TIMESTAMP.fullmatch(timestamp) or not headers.get("webhook-id"):
        raise InvalidWebhook("the signature is malformed")
    signed = f"{headers['webhook-id']}.{timestamp}.".encode() + body
    received = [one.removeprefix("v1,") for one in headers["webhook-signature"].split() if one[:3] == "v1,"]
    digests = [hmac.digest(_signing_key(secret), signed, hashlib.sha256) for secret in secrets]
    _require_match([base64.b64encode(digest).decode() for digest in digests], received)
    return int(timestamp)


def _verify_own(body: bytes, signature: str, secrets: Sequence[str]) -> int:
    """Verify `Orak-Signature`; return the time.

    It is `t=<unix time>,v1=<hex>[,v1=<hex>]`, each `v1` the HMAC-SHA256 of the time, a dot and the body.
    """
    timestamp, received = _parts(signature)
    signed = b"%d." % timestamp + body
    digests = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets]
    _require_match(digests, received)
    return timestamp


def _require_match(expected: Sequence[str], received: Sequence[str]) -> None:
    good = False
    for one in expected:
        for other in received:
            good |= hmac.compare_digest(one.encode(), other.encode())
    if not good:
        raise InvalidWebhook("no signature matches the secret")


def _signing_key(secret: str) -> bytes:
    """Return the key of a secret: what the base64 after `whsec_` encodes, or the secret itself."""
    if secret.startswith("whsec_"):
        text = secret.removeprefix("whsec_").rstrip("=").replace("-", "+").replace("_", "/")
        with suppress(ValueError):
            if key := base64.b64decode(text + "=" * (-len(text) % 4), validate=True):
                return key
    return secret.encode()


def _lower(headers: Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _parts(signature: str) -> tuple[int, list[str]]:
    pairs = [part.strip().partition("=") for part in signature.split(",")]
    times = [value for name, _, value in pairs if name == "t"]
    signatures = [value for name, _, value in pairs if name == "v1" and _SIGNATURE.fullmatch(value)]
    if len(times) != 1 or not _TIMESTAMP.fullmatch(times[0]) or not signatures:
        raise InvalidWebhook("the signature is malformed")
    return int(times[0]), signatures
