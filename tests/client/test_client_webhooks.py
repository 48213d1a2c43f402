"""`verify_webhook` accepts what orak signed and nothing else."""

import pytest
from standardwebhooks.webhooks import Webhook

from builders import START
from orak.adapters.webhooks.requests import signature, standard_headers
from orak.client import InvalidWebhook, verify_webhook

SECRET, BODY = (
    "whsec_a",
    (
        b'{"id":1,"type":"UploadRequested","at":"2024-01-01T12:00:00Z","position":1,"uploadId":1,"version":1,'
        b'"userId":1,"status":"PENDING","attempt":0,"key":"k","aFutureField":1}'
    ),
)
NOW = START.timestamp()
GOOD = signature([SECRET], START, BODY)
SIGNATURE = GOOD.partition("v1=")[2]


STANDARD = standard_headers([SECRET], "1", START, BODY)
STANDARD_SECRET = "whsec_" + "A" * 43 + "="


@pytest.mark.parametrize(
    "secret", [SECRET, STANDARD_SECRET, "whsec_" + "-_" * 21 + "A", "a secret of your own"]
)
def test_the_headers_of_standard_webhooks_are_verified(secret):
    headers = standard_headers([secret], "1", START, BODY)
    assert verify_webhook(BODY, headers, secret, now=NOW).id == 1
    shouted = {name.upper(): value for name, value in headers.items()}
    assert verify_webhook(BODY, shouted, ["whsec_b", secret], now=NOW + 300).id == 1
    rotated = standard_headers(["whsec_c", secret], "1", START, BODY)
    assert verify_webhook(BODY, rotated, secret, now=NOW).id == 1


def test_what_the_official_library_signs_is_accepted():
    library = Webhook(STANDARD_SECRET)
    headers = STANDARD | {"webhook-signature": library.sign("1", START, BODY.decode())}
    assert verify_webhook(BODY, headers, STANDARD_SECRET, now=NOW).id == 1


def test_the_headers_of_a_request_with_the_older_signature_are_accepted():
    assert verify_webhook(BODY, {"Orak-Signature": GOOD}, SECRET, now=NOW).id == 1


@pytest.mark.parametrize(
    ("body", "changes", "now"),
    [
        (BODY + b" ", {}, NOW),
        (BODY, {"webhook-id": "2"}, NOW),
        (BODY, {"webhook-id": ""}, NOW),
        (BODY, {"webhook-timestamp": str(int(NOW) + 1)}, NOW),
        (BODY, {"webhook-timestamp": "1e3"}, NOW),
        (BODY, {"webhook-signature": ""}, NOW),
        (BODY, {"webhook-signature": STANDARD["webhook-signature"].replace("v1,", "v1a,")}, NOW),
        (BODY, {"webhook-signature": "v1,\u00e9"}, NOW),
        (BODY, {}, NOW + 301),
        (BODY, {}, NOW - 301),
    ],
)
def test_invalid_standard_headers_are_refused_even_beside_a_valid_older_signature(body, changes, now):
    with pytest.raises(InvalidWebhook):
        verify_webhook(body, STANDARD | {"Orak-Signature": GOOD} | changes, SECRET, now=now)


def test_a_request_without_a_signature_is_refused():
    with pytest.raises(InvalidWebhook):
        verify_webhook(BODY, {}, SECRET, now=NOW)


def test_a_signed_event_is_returned():
    event = verify_webhook(BODY, GOOD, SECRET, now=NOW)
    assert (event.id, event.type, event.record_id) == (1, "UploadRequested", None)


def test_the_signature_is_stable_to_the_byte():
    assert signature(["secret"], START, b"{}") == (
        "t=1704110400,v1=f3817c196e58b728e07e8a3b5204ec984ab8d8c5baa0ad0e15947c0d29839e35"
    )


@pytest.mark.parametrize("secrets", [[SECRET, "whsec_b"], ["whsec_b", SECRET]])
def test_either_of_two_secrets_is_accepted(secrets):
    verify_webhook(BODY, GOOD, secrets, now=NOW)
    verify_webhook(BODY, signature(["whsec_c", SECRET], START, BODY), secrets, now=NOW)


@pytest.mark.parametrize("seconds", [-300, 300])
def test_clocks_may_differ_by_five_minutes(seconds):
    verify_webhook(BODY, GOOD, SECRET, now=NOW + seconds)


@pytest.mark.parametrize(
    ("body", "given", "secrets", "now"),
    [
        (BODY + b" ", GOOD, SECRET, NOW),
        (BODY.replace(b"1", b"2", 1), GOOD, SECRET, NOW),
        (BODY, GOOD, "whsec_b", NOW),
        (BODY, GOOD, [], NOW),
        (BODY, GOOD, SECRET, NOW + 301),
        (BODY, GOOD, SECRET, NOW - 301),
        (BODY, f"t={int(NOW) + 1},v1={SIGNATURE}", SECRET, NOW),
        (BODY, f"v1={SIGNATURE}", SECRET, NOW),
        (BODY, f"t={int(NOW)}", SECRET, NOW),
        (BODY, f"t={int(NOW)},v0={SIGNATURE}", SECRET, NOW),
        (BODY, f"t={int(NOW)},t={int(NOW)},v1={SIGNATURE}", SECRET, NOW),
        (BODY, f"t=-1,v1={SIGNATURE}", SECRET, NOW),
        (BODY, f"t=1e3,v1={SIGNATURE}", SECRET, NOW),
        (BODY, f"t={int(NOW)},v1={SIGNATURE.upper()}", SECRET, NOW),
        (BODY, f"t={int(NOW)},v1={SIGNATURE[:-1]}é", SECRET, NOW),
        (BODY, "", SECRET, NOW),
        (b"{}", signature([SECRET], START, b"{}"), SECRET, NOW),
        (b"x", signature([SECRET], START, b"x"), SECRET, NOW),
    ],
)
def test_an_invalid_webhook_is_refused(body, given, secrets, now):
    with pytest.raises(InvalidWebhook):
        verify_webhook(body, given, secrets, now=now)
