import json
from datetime import timedelta

import pytest

from builders import START, a_logged_event
from orak.adapters.webhooks.requests import webhook_request
from orak.domain.events import EventType
from orak.domain.processing import ProcessingStatus
from orak.domain.webhooks import Endpoint, EndpointId


def posted(logged):
    endpoint = Endpoint(EndpointId(1), "https://receiver.test/", "whsec_c2VjcmV0", START)
    _, body = webhook_request(endpoint, logged, at=START, agent="orak/test")
    return json.loads(body)


def test_the_time_of_an_event_is_in_whole_seconds():
    assert posted(a_logged_event(at=START + timedelta(microseconds=987_654)))["at"] == "2024-01-01T12:00:00Z"


@pytest.mark.parametrize(
    ("kind", "status", "failure"),
    [
        (EventType.UPLOAD_EXPIRED, ProcessingStatus.EXPIRED, "UPLOAD_EXPIRED"),
        (EventType.UPLOAD_CANCELLED, ProcessingStatus.CANCELLED, "UPLOAD_CANCELLED"),
    ],
)
def test_an_upload_that_never_arrived_is_posted_with_its_failure(kind, status, failure):
    assert posted(a_logged_event(type_=kind, status=status))["failure"] == failure
