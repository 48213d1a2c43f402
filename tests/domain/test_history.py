from datetime import timedelta

import pytest
from msgspec.structs import replace

from builders import START, an_object, an_upload
from orak.domain.history import UploadHistory, VersionedEvent, differences
from orak.domain.identity import RecordId, UploadId
from orak.domain.processing import FailureCode, ProcessingStatus
from orak.domain.upload import Output

LATER = START + timedelta(minutes=1)


def a_life(*moves) -> UploadHistory:
    """Return the history of an upload after these moves."""
    upload = replace(an_upload(), id=UploadId(3))
    events = [VersionedEvent(1, upload.requested())]
    for version, move in enumerate(moves, start=2):
        upload, event = move(upload)
        upload = replace(upload, version=version)
        events.append(VersionedEvent(version, event))
    return UploadHistory(upload.id, events, upload)


def attached(upload):
    return upload.attach_record(RecordId(5), at=START)


def received(upload):
    return upload.receive(an_object(upload), at=START)


def started(upload):
    return upload.start(at=START, lease_until=LATER)


def completed(upload):
    return upload.complete(upload.attempt, Output(*upload.output_keys("m4a"), 1.0, None), at=START)


def deleted(upload):
    upload, event = upload.delete(at=START)
    return replace(upload, record_id=None), event


def changed(history, **changes):
    return replace(history, upload=replace(history.upload, **changes))


def whats(history):
    return [difference.what for difference in differences(history)]


WHOLE = (attached, received, started, completed)


@pytest.mark.parametrize("moves", [WHOLE[:n] for n in range(5)] + [(*WHOLE, deleted)])
def test_a_row_that_matches_its_events_has_no_differences(moves):
    assert differences(a_life(*moves)) == []


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [
        ("version", 4, "version"),
        ("status", ProcessingStatus.FAILED, "status"),
        ("attempt", 9, "attempt"),
        ("failures", 1, "failures"),
        ("failure", FailureCode.CORRUPT, "failure"),
        ("output", None, "key"),
        ("key", "recordings/other", "uuid"),
        ("owner_id", 99, "owner"),
        ("record_id", None, "record"),
    ],
)
def test_a_row_that_contradicts_its_events_is_reported(field, value, what):
    assert whats(changed(a_life(*WHOLE), **{field: value})) == [what]


def test_a_row_with_another_uuid_is_reported():
    assert whats(changed(a_life(*WHOLE), uuid="other")) == ["key", "uuid"]


def test_a_difference_names_both_values():
    [found] = differences(changed(a_life(*WHOLE), attempt=2))
    assert (found.upload_id, found.by_events, found.by_tables) == (3, "1", "2")


def test_a_missing_event_is_reported():
    life = a_life(*WHOLE)
    assert whats(replace(life, events=life.events[:2] + life.events[3:])) == ["sequence", "move"]


def test_pruned_events_are_not_missed():
    life = a_life(*WHOLE)
    assert differences(replace(life, events=life.events[-1:])) == []


def test_an_attempt_number_that_decreases_is_reported():
    life = a_life(*WHOLE)
    late = replace(life.events[-1], event=replace(life.events[-1].event, attempt=0))
    assert whats(replace(changed(life, attempt=0), events=[*life.events[:-1], late])) == ["fence"]


def test_a_row_without_events_is_reported():
    assert whats(replace(a_life(), events=[])) == ["events"]


def test_a_row_that_another_program_stored_needs_no_events():
    assert differences(replace(changed(a_life(), version=0), events=[])) == []


@pytest.mark.parametrize("moves", [(*WHOLE, deleted), (lambda upload: upload.expire(at=START),)])
def test_a_purged_row_is_not_missed(moves):
    assert differences(replace(a_life(*moves), upload=None)) == []


@pytest.mark.parametrize("moves", [(), WHOLE, (attached, lambda upload: upload.expire(at=START))])
def test_a_row_that_vanished_for_no_reason_is_reported(moves):
    assert whats(replace(a_life(*moves), upload=None)) == ["row"]
