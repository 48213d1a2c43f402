"""Telling a webhook of orak's from a forged one."""

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
"""Seconds that a signature may be old, or ahead of this machine's clock."""

_MARK = re.compile(r"[0-9a-f]{64}")


class InvalidWebhook(OrakClientError):
    """The request is not from orak, was changed on its way, or is old: do nothing of what it says."""


class WebhookEvent(Answer, frozen=True):
    """What happened to an upload, or to the record of it."""

    id: int
    """The same however often it comes: what was seen already can be passed over."""
    type: str
    at: datetime
    position: int
    upload_id: int
    version: int
    """Of the upload: a lower one than the last that was seen tells nothing new."""
    user_id: int
    status: str
    attempt: int
    key: str
    original_key: str
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
    """Return the event that a request tells, if orak sent it, and not long ago.

    Args:
        body: of the request, byte for byte as it came.
        signature: its header `Orak-Signature`: `t=<unix time>,v1=<hex>[,v1=<hex>]`, each `v1` the HMAC-SHA256
            of the time, a dot and the body.
        secrets: the webhook's; while it is rotated, both.
        now: Unix time; the clock's without it.
        tolerance: seconds that the signature may be old, or ahead of the clock.

    Raises:
        InvalidWebhook: whatever is wrong; which of it is not told to the sender.
    """
    stamp, marks = _parts(signature)
    signed = b"%d." % stamp + body
    known = [secrets] if isinstance(secrets, str) else list(secrets)
    good = False
    for secret in known:
        expected = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
        for mark in marks:
            good |= hmac.compare_digest(expected, mark)
    if not good:
        raise InvalidWebhook("nobody who has the secret signed this")
    if abs((time.time() if now is None else now) - stamp) > tolerance:
        raise InvalidWebhook("the signature is too old, or the clocks differ")
    try:
        return msgspec.json.decode(body, type=WebhookEvent)
    except msgspec.DecodeError as error:
        raise InvalidWebhook(f"the body is no event: {error}") from error


def _parts(signature: str) -> tuple[int, list[str]]:
    pairs = [part.strip().partition("=") for part in signature.split(",")]
    stamps = [value for name, _, value in pairs if name == "t"]
    marks = [value for name, _, value in pairs if name == "v1" and _MARK.fullmatch(value)]
    if len(stamps) != 1 or not re.fullmatch(r"[0-9]{1,12}", stamps[0]) or not marks:
        raise InvalidWebhook("the signature is malformed")
    return int(stamps[0]), marks
