"""The `Idempotency-Key` header (draft-ietf-httpapi-idempotency-key-header), as both POSTs take it."""

import hashlib
import re

import msgspec

from orak.application.ports.idempotency_keys import IdempotencyKey
from orak.domain.errors import Problem, ProblemCode, Rejected
from orak.entrypoints.http.requests.injection import CallOf

HEADER = "Idempotency-Key"

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def idempotency_key_of(request: CallOf, route: str, body: msgspec.Struct) -> IdempotencyKey | None:
    """Return what makes this call one with its repetitions, or None if the client asked for no such thing.

    The fingerprint is of the decoded *body*, so that the same call sent as a form and as JSON is the same.
    """
    keys = request.headers.getall(HEADER, [])
    if not keys:
        return None
    if len(keys) > 1 or not _KEY.fullmatch(keys[0]):
        raise Rejected([Problem(HEADER, ProblemCode.INVALID)])
    fingerprint = hashlib.sha256(msgspec.json.encode(body)).hexdigest()
    return IdempotencyKey(request.user.user_id, route, keys[0], fingerprint)
