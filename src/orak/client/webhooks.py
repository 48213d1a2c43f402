"""Verification of webhook signatures."""

import hashlib
import hmac
import re
import time
from collections.abc import Sequence
from datetime import datetime

import msgspec

from orak.client.answers import Answer
from orak.client.errors import OrakClientError

TOLERANCE = 300.0
"""Seconds that a signature's time may differ from this machine's clock, either way."""

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


def verify_webhook(
    body: bytes,
    signature: str,
    secrets: str | Sequence[str],
    *,
    now: float | None = None,
    tolerance: float = TOLERANCE,
) -> WebhookEvent:
    """Verify a webhook request; return its event.

    Args:
        body: the request's body, byte for byte.
        signature: the header `Orak-Signature`: `t=<unix time>,v1=<hex>[,v1=<hex>]`, each `v1` the HMAC-SHA256
            of the time, a dot and the body.
        secrets: the endpoint's signing secret; while it is being rotated, both.
        now: Unix time; by default from the clock.
        tolerance: seconds that the signature's time may differ from the clock, either way.

    Raises:
        InvalidWebhook: the signature, its time or the body is invalid. Don't tell the sender which.
    """
    timestamp, signatures = _parts(signature)
    signed = b"%d." % timestamp + body
    known = [secrets] if isinstance(secrets, str) else list(secrets)
    good = False
    for secret in known:
        expected = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
        for received in signatures:
            good |= hmac.compare_digest(expected, received)
    if not good:
        raise InvalidWebhook("no signature matches the secret")
    if abs((time.time() if now is None else now) - timestamp) > tolerance:
        raise InvalidWebhook("the signature is too old, or this clock is wrong")
    try:
        return msgspec.json.decode(body, type=WebhookEvent)
    except msgspec.DecodeError as error:
        raise InvalidWebhook(f"the body is not an event: {error}") from error


def _parts(signature: str) -> tuple[int, list[str]]:
    pairs = [part.strip().partition("=") for part in signature.split(",")]
    times = [value for name, _, value in pairs if name == "t"]
    signatures = [value for name, _, value in pairs if name == "v1" and _SIGNATURE.fullmatch(value)]
    if len(times) != 1 or not re.fullmatch(r"[0-9]{1,12}", times[0]) or not signatures:
        raise InvalidWebhook("the signature is malformed")
    return int(times[0]), signatures
