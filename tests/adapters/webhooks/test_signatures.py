"""The signatures of a webhook request, as the official library of Standard Webhooks verifies them."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from orak.adapters.webhooks.requests import webhook_request
from orak.domain.events import DomainEvent, EventType, LoggedEvent
from orak.domain.identity import EventKey, RecordId, UploadId, UserId
from orak.domain.processing import ProcessingStatus
from orak.domain.webhooks import CONFIGURED, Endpoint, signing_key, signing_secret

EXAMPLE = Path(__file__).parents[3] / "examples" / "webhooks" / "request.json"
AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
UUID = "00000000-0000-4000-8000-000000000001"
LOGGED = LoggedEvent(
    event_id=4711,
    position=4700,
    upload_id=UploadId(15),
    version=5,
    event=DomainEvent(
        type=EventType.PROCESSING_COMPLETED,
        user_id=UserId(7),
        uuid=UUID,
        status=ProcessingStatus.COMPLETED,
        attempt=1,
        key=EventKey(f"published/{UUID}/1"),
        at=AT,
        record_id=RecordId(12),
    ),
)


def a_secret(number: int) -> str:
    return signing_secret(base64.urlsafe_b64encode(bytes([number]) * 32).decode().rstrip("="))


CURRENT, PREVIOUS = a_secret(255), a_secret(7)


def an_endpoint(secret=CURRENT, previous=None, rotated_at=None):
    return Endpoint(
        CONFIGURED, "https://one.example", secret, AT, previous_secret=previous, rotated_at=rotated_at
    )


def test_a_new_secret_has_the_standard_form():
    assert "whsec_" + base64.b64encode(b"\xff" * 32).decode() == CURRENT
    assert signing_key(CURRENT) == b"\xff" * 32


def test_the_official_library_accepts_a_request_and_no_other():
    headers, body = webhook_request(an_endpoint(), LOGGED, at=datetime.now(UTC), agent="orak/test")
    assert Webhook(CURRENT).verify(body, headers)["id"] == 4711
    assert headers["webhook-id"] == headers["Orak-Event-Id"] == "4711"
    for secret, changed, sent in (
        (PREVIOUS, headers, body),
        (CURRENT, headers, body + b" "),
        (CURRENT, headers | {"webhook-id": "4712"}, body),
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(sent, changed)


def test_both_secrets_sign_for_a_day_after_a_rotation():
    now = datetime.now(UTC)
    for rotated_at, accepted in ((now - timedelta(hours=23), True), (now - timedelta(hours=25), False)):
        endpoint = an_endpoint(CURRENT, PREVIOUS, rotated_at)
        headers, body = webhook_request(endpoint, LOGGED, at=now, agent="orak/test")
        assert len(headers["webhook-signature"].split(" ")) == 1 + accepted
        Webhook(CURRENT).verify(body, headers)
        if accepted:
            Webhook(PREVIOUS).verify(body, headers)


def test_every_delivery_of_an_event_has_the_same_id_and_its_own_time():
    first, _ = webhook_request(an_endpoint(), LOGGED, at=AT, agent="orak/test")
    again, _ = webhook_request(an_endpoint(), LOGGED, at=AT + timedelta(hours=3), agent="orak/test")
    assert first["webhook-id"] == again["webhook-id"]
    assert int(again["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 3 * 3600


@pytest.mark.parametrize(
    ("secret", "key"),
    [
        ("whsec_-_-_" + "A" * 39, base64.b64decode("+/+/" + "A" * 39 + "=")),  # as orak made them before
        ("whsec_" + base64.b64encode(b"k" * 24).decode(), b"k" * 24),
        ("whsec_" + base64.b64encode(b"k" * 25).decode().rstrip("="), b"k" * 25),
        ("a secret of your own", b"a secret of your own"),
        ("whsec_not base64!", b"whsec_not base64!"),
        ("whsec_a", b"whsec_a"),
        ("whsec_", b"whsec_"),
        ("c2VjcmV0", b"c2VjcmV0"),
        ("비밀", "비밀".encode()),
    ],
)
def test_every_secret_has_a_key_and_the_library_verifies_with_it(secret, key):
    assert signing_key(secret) == key
    headers, body = webhook_request(an_endpoint(secret), LOGGED, at=datetime.now(UTC), agent="orak/test")
    Webhook("whsec_" + base64.b64encode(key).decode()).verify(body, headers)


def test_the_example_for_node_holds_what_orak_sends():
    headers, body = webhook_request(an_endpoint(CURRENT, PREVIOUS, AT), LOGGED, at=AT, agent="orak")
    made = {
        "secrets": {"current": CURRENT, "previous": PREVIOUS},
        "headers": headers,
        "body": body.decode(),
    }
    assert json.loads(EXAMPLE.read_text()) == made
