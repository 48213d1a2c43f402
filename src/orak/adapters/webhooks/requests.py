"""What orak posts to a webhook endpoint: headers, body and signatures."""

import base64
import hashlib
import hmac
from collections.abc import Collection
from datetime import datetime

import msgspec

from orak.domain.events import EventType, LoggedEvent
from orak.domain.identity import EventKey, RecordId, UploadId, UserId
from orak.domain.processing import FailureCode, ProcessingStatus, failure_of
from orak.domain.times import WholeSeconds, whole_seconds
from orak.domain.webhooks import Endpoint, signing_key


class WebhookBody(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The JSON body: one event, flattened."""

    id: int
    """The event's id, the same in every delivery of it."""
    type: EventType
    at: WholeSeconds
    position: int
    upload_id: UploadId
    version: int
    """The upload's version; it rises by one with each of the upload's events."""
    user_id: UserId
    status: ProcessingStatus
    attempt: int
    key: EventKey
    """Folder and uuid of the object, and the attempt of a rendition; no file name."""
    record_id: RecordId | None = None
    failures: int = 0
    failure: FailureCode | None = None

    @classmethod
    def of(cls, logged: LoggedEvent) -> "WebhookBody":
        """Flatten an event."""
        event = logged.event
        return cls(
            id=logged.event_id,
            type=event.type,
            at=whole_seconds(event.at),
            position=logged.position,
            upload_id=logged.upload_id,
            version=logged.version,
            user_id=event.user_id,
            status=event.status,
            attempt=event.attempt,
            key=event.key,
            record_id=event.record_id,
            failures=event.failures,
            failure=failure_of(event.status, event.failure),
        )


def webhook_request(
    endpoint: Endpoint, logged: LoggedEvent, *, at: datetime, agent: str
) -> tuple[dict[str, str], bytes]:
    """Return the headers and the body that deliver an event to *endpoint*.

    The request is signed *at* that time.
    """
    body = msgspec.json.encode(WebhookBody.of(logged))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": agent,
        **standard_headers(endpoint.secrets_at(at), str(logged.event_id), at, body),
        "Orak-Event-Id": str(logged.event_id),
        "Orak-Signature": signature(endpoint.secrets_at(at), at, body),
    }
    return headers, body


def standard_headers(secrets: Collection[str], message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """Return the headers of Standard Webhooks 1.0, with one signature for each secret.

    Each is HMAC-SHA256 (RFC 2104) of the id, the time and the body, separated by dots, in base64.
    """
    timestamp = str(int(at.timestamp()))
    signed = f"{message_id}.{timestamp}.".encode() + body
    digests = [hmac.digest(signing_key(secret), signed, hashlib.sha256) for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests),
    }


def signature(secrets: Collection[str], at: datetime, body: bytes) -> str:
    """Return the `Orak-Signature` header.

    Its form is `t=<unix time>,v1=<hex>`, with one `v1` for each secret.

    Each `v1` is HMAC-SHA256 (RFC 2104) of the time, a dot and the body.
    """
    timestamp = int(at.timestamp())
    signed = b"%d." % timestamp + body
    digests = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets]
    return ",".join([f"t={timestamp}", *(f"v1={digest}" for digest in digests)])
