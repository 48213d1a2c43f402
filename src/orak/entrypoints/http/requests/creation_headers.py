"""Request headers of the POSTs that create something: `Idempotency-Key` and `Prefer`."""

import hashlib
import re

import msgspec

from orak.application.ports.idempotency_keys import IdempotencyKey
from orak.domain.errors import Problem, ProblemCode, Rejected
from orak.entrypoints.http.api import ApiRequest
from orak.entrypoints.http.openapi.operation import Parameter
from orak.entrypoints.http.request_headers import RequestHeaders

IDEMPOTENCY_KEY = "Idempotency-Key"
"""The header of draft-ietf-httpapi-idempotency-key-header."""

MAX_WAIT_SECONDS = 10
"""The longest wait that `Prefer: wait=N` gets."""

_KEY = re.compile(r"[\x21-\x7e]{1,255}")

# preference = token [ BWS "=" BWS word ]; parameters may follow a ";", and `wait` defines none (RFC 7240 §2).
_WAIT = re.compile(r'\s*wait\s*=\s*"?([0-9]{1,9})"?\s*(?:;.*)?', re.IGNORECASE | re.ASCII)

IDEMPOTENCY_PARAMETER = Parameter(
    "header",
    IDEMPOTENCY_KEY,
    "Makes the call safe to repeat: the same key with the same body within 24 hours has one effect and one "
    "answer, with the upload or record as it is now; 404 once it was deleted.",
    {"type": "string", "pattern": "^[!-~]{1,255}$"},
)

PREFER_PARAMETER = Parameter(
    "header",
    "Prefer",
    f"`wait=N` waits up to N seconds for the conversion, at most {MAX_WAIT_SECONDS} (RFC 7240).",
    {"type": "string", "examples": ["wait=5"]},
)


def idempotency_key_of(request: ApiRequest, route: str, body: msgspec.Struct) -> IdempotencyKey | None:
    """Return the key that identifies repeats of this call, or None if the client sent no key.

    The fingerprint covers the decoded *body*, so the same call sent as a form and as JSON is one call.

    Raises:
        Rejected: the header is repeated, or is not 1 to 255 visible ASCII characters.
    """
    keys = request.headers.all(IDEMPOTENCY_KEY.lower())
    if not keys:
        return None
    if len(keys) > 1 or not _KEY.fullmatch(keys[0]):
        raise Rejected([Problem(IDEMPOTENCY_KEY, ProblemCode.INVALID)])
    fingerprint = hashlib.sha256(msgspec.json.encode(body)).hexdigest()
    return IdempotencyKey(request.actor.user_id, route, keys[0], fingerprint)


def preferred_wait(headers: RequestHeaders) -> int | None:
    """Return how many seconds the client agrees to wait, or None without `Prefer: wait`.

    The first of several preferences counts (RFC 7240 §2). An unreadable one is ignored.
    """
    for preference in ",".join(headers.all("prefer")).split(","):
        if match := _WAIT.fullmatch(preference):
            return min(int(match[1]), MAX_WAIT_SECONDS)
    return None
