"""The life of an upload: every transition from every state."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from msgspec.structs import replace

from builders import START, an_object, an_upload
from orak.domain.actor import Actor
from orak.domain.audio import Loudness
from orak.domain.errors import LeaseLost, PermissionDenied, StateConflict, UploadNotFound, WrongState
from orak.domain.events import DomainEvent, EventType
from orak.domain.identity import ObjectKey, RecordId, UserId
from orak.domain.origin import Origin
from orak.domain.policies.retries import MAX_FAILURES
from orak.domain.processing import MOVES, RETRYABLE, FailureCode, ProcessingStatus, shown_as
from orak.domain.upload import ANY_BYTES, IllegalMove, Output, Upload

S = ProcessingStatus
LATER = START + timedelta(minutes=5)
RECORD = RecordId(7)
OUTPUT = Output(
    ObjectKey("published/u/1_take.m4a"),
    ObjectKey("published/u/1_take.json"),
    12.5,
    Loudness(-20.0, -14.0, -1.2),
)


def in_state(status: ProcessingStatus, **changes: object) -> Upload:
    return an_upload(status=status, attempt=1, etag="etag-0", **changes)


TRANSITIONS: dict[
    str, tuple[Callable[[Upload], tuple[Upload, DomainEvent]], set[ProcessingStatus], ProcessingStatus]
] = {
    "receive": (
        lambda u: u.receive(an_object(u), at=LATER),
        {S.PENDING, S.EXPIRED, S.FAILED, S.PROCESSING},
        S.UPLOADED,
    ),
    "reject": (
        lambda u: u.receive(an_object(u, size=1), at=LATER),
        {S.PENDING, S.EXPIRED, S.PROCESSING},
        S.FAILED,
    ),
    "expire": (lambda u: u.expire(at=LATER), {S.PENDING}, S.EXPIRED),
    "cancel": (lambda u: u.cancel(at=LATER), {S.PENDING, S.EXPIRED}, S.CANCELLED),
    "start": (lambda u: u.start(at=LATER, lease_until=LATER), {S.UPLOADED}, S.PROCESSING),
    "complete": (lambda u: u.complete(1, OUTPUT, at=LATER), {S.PROCESSING}, S.COMPLETED),
    "fail": (lambda u: u.fail(1, FailureCode.CORRUPT, at=LATER), {S.PROCESSING}, S.FAILED),
    "fail_attempt": (
        lambda u: u.fail_attempt(1, message="m", at=LATER, not_before=LATER),
        {S.PROCESSING},
        S.UPLOADED,
    ),
    "release": (lambda u: u.release(1, at=LATER), {S.PROCESSING}, S.UPLOADED),
    "retry": (lambda u: u.retry(at=LATER, forced=True), {S.FAILED}, S.UPLOADED),
    "delete": (lambda u: u.delete(at=LATER), set(S) - {S.DELETED}, S.DELETED),
}


@pytest.mark.parametrize("status", S)
@pytest.mark.parametrize("name", TRANSITIONS)
def test_a_transition_works_from_its_states_and_from_no_other(name, status):
    act, allowed, to = TRANSITIONS[name]
    before = in_state(status)
    if status not in allowed:
        with pytest.raises((IllegalMove, LeaseLost, StateConflict)):
            act(before)
        return
    after, event = act(before)
    assert after.status is to
    assert to in MOVES[status]
    assert (event.status, event.attempt, event.uuid, event.at) == (to, after.attempt, before.uuid, LATER)
    assert after.attempt >= before.attempt, "the fencing token fell"
    assert (after.lease_until is not None) == (to is S.PROCESSING)


def test_every_entry_of_the_transition_table_belongs_to_a_method():
    walked = {(start, to) for _, starts, to in TRANSITIONS.values() for start in starts}
    assert walked == {(start, to) for start, ends in MOVES.items() for to in ends}


@pytest.mark.parametrize("status", S)
def test_clients_see_one_of_three_statuses(status):
    expected = {S.COMPLETED: S.COMPLETED, S.FAILED: S.FAILED, S.EXPIRED: S.FAILED, S.CANCELLED: S.FAILED}
    assert shown_as(status) is expected.get(status, S.PROCESSING)


@pytest.mark.parametrize(
    ("change", "failure"),
    [
        ({"size": 2}, FailureCode.SIZE_MISMATCH),
        ({"content_type": "audio/mpeg"}, FailureCode.TYPE_MISMATCH),
        ({"content_type": ""}, FailureCode.TYPE_MISMATCH),
    ],
)
def test_bytes_that_differ_from_the_declaration_fail_for_good(change, failure):
    pending = an_upload(size=3, content_type="audio/webm;codecs=opus")
    failed, event = pending.receive(an_object(pending, **change), at=LATER)
    assert (failed.status, failed.failure, event.type) == (S.FAILED, failure, EventType.UPLOAD_REJECTED)
    with pytest.raises(StateConflict):
        failed.retry(at=LATER)


def test_a_store_may_change_the_case_and_spaces_of_a_content_type():
    pending = an_upload(content_type="audio/webm;codecs=opus")
    uploaded, _ = pending.receive(an_object(pending, content_type="Audio/WebM; codecs=opus"), at=LATER)
    assert uploaded.status is S.UPLOADED


def test_the_verified_bytes_are_pinned_by_their_etag():
    pending = an_upload()
    uploaded, event = pending.receive(an_object(pending), at=LATER)
    assert (uploaded.etag, event.type) == ('"e1"', EventType.UPLOAD_RECEIVED)


def test_a_late_arrival_is_awaited_only_while_a_record_waits():
    assert not an_upload(status=S.EXPIRED).awaits_arrival
    assert an_upload(status=S.EXPIRED, record_id=RECORD).awaits_arrival
    assert an_upload(status=S.PENDING).awaits_arrival
    assert not an_upload(status=S.UPLOADED, record_id=RECORD).awaits_arrival


def test_an_upload_without_a_record_does_not_wait_for_a_worker():
    assert not an_upload(status=S.UPLOADED).is_waiting
    assert an_upload(status=S.UPLOADED, record_id=RECORD).is_waiting


def test_an_upload_with_a_record_cannot_be_cancelled():
    with pytest.raises(StateConflict) as refusal:
        an_upload(record_id=RECORD).cancel(at=LATER)
    assert refusal.value.why is WrongState.NOT_CANCELLABLE


@pytest.mark.parametrize("status", [S.FAILED, S.CANCELLED])
def test_a_failed_or_cancelled_upload_gets_no_record(status):
    with pytest.raises(StateConflict):
        an_upload(status=status).check_attachable()


@pytest.mark.parametrize("status", [S.PENDING, S.UPLOADED, S.EXPIRED])
def test_an_upload_may_get_its_record_before_or_after_its_bytes(status):
    an_upload(status=status).check_attachable()


def test_a_tombstone_is_not_found_even_by_its_owner():
    with pytest.raises(UploadNotFound):
        an_upload(status=S.DELETED).owned_by(Actor(UserId(1)))


def test_a_refusal_to_another_user_names_the_user_and_not_the_record():
    with pytest.raises(PermissionDenied) as refusal:
        an_upload(record_id=RECORD).owned_by(Actor(UserId(99)))
    assert (refusal.value.record_id, refusal.value.user_id) == (None, 99)


@pytest.mark.parametrize("transition", ["complete", "fail", "fail_attempt", "release"])
def test_only_the_attempt_that_holds_the_lease_may_end_it(transition):
    with pytest.raises(LeaseLost):
        TRANSITIONS[transition][0](replace(in_state(S.PROCESSING), attempt=2))


def test_the_fifth_failure_is_the_last():
    upload, started = in_state(S.UPLOADED), 0
    while upload.status is not S.FAILED:
        upload, _ = upload.start(at=LATER, lease_until=LATER)
        upload, _ = upload.fail_attempt(upload.attempt, message="m", at=LATER, not_before=LATER)
        started += 1
    assert started == MAX_FAILURES == 5
    assert upload.failure is FailureCode.FAILED_TOO_OFTEN


def test_the_second_death_of_a_decoder_is_the_last():
    upload, started = in_state(S.UPLOADED), 0
    while upload.status is not S.FAILED:
        upload, _ = upload.start(at=LATER, lease_until=LATER)
        upload, _ = upload.fail_attempt(
            upload.attempt, killed=FailureCode.DECODER_CRASHED, message="m", at=LATER, not_before=LATER
        )
        started += 1
    assert (started, upload.failure) == (2, FailureCode.DECODER_CRASHED)


def test_an_outage_does_not_count_as_a_failure():
    released, event = in_state(S.PROCESSING, failures=3).release(1, at=LATER, not_before=LATER)
    assert (released.failures, released.not_before, event.type) == (3, LATER, EventType.PROCESSING_RELEASED)


def test_a_retry_resets_the_budget_and_raises_the_fencing_token():
    failed = in_state(S.FAILED, failures=5, failure=FailureCode.FAILED_TOO_OFTEN, error_message="m")
    again, event = failed.retry(at=LATER)
    assert (again.failures, again.failure, again.error_message) == (0, None, None)
    assert (again.attempt, event.type) == (2, EventType.PROCESSING_RETRIED)


def test_deleting_an_upload_ends_the_lease_on_it():
    deleted, event = in_state(S.PROCESSING, record_id=RECORD).delete(at=LATER)
    assert (deleted.attempt, deleted.deleted_at, event.type) == (2, LATER, EventType.RECORD_DELETED)
    with pytest.raises(LeaseLost):
        deleted.complete(1, OUTPUT, at=LATER)


def test_replaced_bytes_are_verified_anew_and_count_as_a_failure():
    held = in_state(S.PROCESSING)
    again, _ = held.reverify(1, an_object(held), at=LATER, not_before=LATER)
    assert (again.status, again.etag, again.failures) == (S.UPLOADED, '"e1"', 1)
    other, _ = held.reverify(1, an_object(held, size=1), at=LATER, not_before=LATER)
    assert (other.status, other.failure) == (S.FAILED, FailureCode.SIZE_MISMATCH)
    gone, _ = held.reverify(1, None, at=LATER, not_before=LATER)
    assert (gone.status, gone.etag, gone.failures) == (S.UPLOADED, "etag-0", 1)


@pytest.mark.parametrize("status", S)
@pytest.mark.parametrize("failure", [None, *FailureCode])
@pytest.mark.parametrize("etag", [None, "etag-0"])
@pytest.mark.parametrize("forced", [False, True])
def test_a_retry_is_accepted_exactly_where_it_is_announced(status, failure, etag, forced):
    upload = an_upload(status=status, failure=failure, etag=etag)
    why = upload.retry_obstacle(forced=forced)
    accepted = status is S.FAILED and etag is not None and (forced or failure in RETRYABLE)
    assert (why is None) is accepted
    if accepted:
        assert upload.retry(at=LATER, forced=forced)[0].status is S.UPLOADED
    else:
        with pytest.raises(StateConflict) as refusal:
            upload.retry(at=LATER, forced=forced)
        assert refusal.value.why is why


def test_only_the_machine_makes_a_failure_retryable():
    assert sorted(RETRYABLE) == ["DECODER_CRASHED", "FAILED_TOO_OFTEN", "RESOURCE_LIMIT"]


@pytest.mark.parametrize("status", S)
@pytest.mark.parametrize("name", TRANSITIONS)
def test_every_end_has_a_failure_and_a_message(name, status):
    act, allowed, to = TRANSITIONS[name]
    if status not in allowed or to not in {S.FAILED, S.EXPIRED, S.CANCELLED}:
        return
    after, _ = act(in_state(status))
    assert after.changed_at == LATER
    assert after.shown_failure is not None
    assert after.error_message.startswith(after.shown_failure)


def test_a_late_arrival_takes_the_failure_away():
    expired, _ = an_upload(record_id=RECORD).expire(at=LATER)
    assert expired.shown_failure is FailureCode.UPLOAD_EXPIRED
    arrived, _ = expired.receive(an_object(expired), at=LATER)
    assert (arrived.shown_failure, arrived.error_message) == (None, None)


def test_bytes_that_are_gone_at_the_last_failure_cannot_be_retried():
    held = in_state(S.PROCESSING, failures=MAX_FAILURES - 1)
    gone, _ = held.reverify(1, None, at=LATER, not_before=LATER)
    assert (gone.status, gone.failure) == (S.FAILED, FailureCode.FAILED_TOO_OFTEN)
    assert gone.retry_obstacle(forced=True) is WrongState.OBJECT_GONE


def test_a_completed_upload_shows_the_rendition_s_key():
    completed, _ = in_state(S.PROCESSING).complete(1, OUTPUT, at=LATER)
    assert (completed.shown_key, completed.progress) == (OUTPUT.audio_key, 100)


def test_events_hold_keys_without_the_file_name():
    held = in_state(S.PROCESSING, filename="엄마_생일.webm")
    assert held.requested().key == f"recordings/{held.uuid}"
    audio, waveform = held.output_keys("m4a")
    _, event = held.complete(1, replace(OUTPUT, audio_key=audio, waveform_key=waveform), at=LATER)
    assert event.key == f"published/{held.uuid}/1"
    assert "생일" not in repr(event)


def test_a_pending_upload_is_overdue_an_hour_after_its_url_expired():
    upload = an_upload()
    assert not upload.is_overdue(upload.url_expires_at + timedelta(minutes=59, seconds=59))
    assert upload.is_overdue(upload.url_expires_at + timedelta(hours=1))


def test_an_upload_outside_recordings_is_no_orphan():
    assert not an_upload(status=S.UPLOADED, directory="profiles").is_orphan(START + timedelta(days=1))


def test_an_original_belongs_to_its_upload_whatever_its_name():
    upload = an_upload()
    assert upload.accounts_for(ObjectKey(f"recordings/{upload.uuid}_another name.mp3"))
    assert not upload.accounts_for(ObjectKey("recordings/0c0f4a1e-6c7b-4f6e-9d5f-2f0b7b1f0a11_take.webm"))


def test_bytes_that_another_program_received_may_be_converted_again():
    failed = replace(in_state(S.FAILED, failure=FailureCode.FAILED_TOO_OFTEN), etag=ANY_BYTES)
    assert failed.retry_obstacle() is None


@pytest.mark.parametrize(("name", "extension"), [("a.MP3", "mp3"), ("my recording", ""), ("a.", "")])
def test_the_extension_of_a_file_name(name, extension):
    assert an_upload(filename=name).extension == extension


def test_an_upload_without_a_record_is_an_orphan_after_ten_minutes():
    upload = an_upload(status=S.UPLOADED)
    assert not upload.is_orphan(START + timedelta(minutes=10))
    assert upload.is_orphan(START + timedelta(minutes=10, seconds=1))
    assert not replace(upload, record_id=RECORD).is_orphan(START + timedelta(days=1))


ASKED, OTHER = Origin("asked"), Origin("other")

OF_A_REQUEST: dict[str, tuple[Upload, Callable[[Upload], tuple[Upload, DomainEvent]], Origin]] = {
    "a record": (an_upload(), lambda u: u.attach_record(RECORD, at=LATER, origin=OTHER), OTHER),
    "a retry": (in_state(S.FAILED), lambda u: u.retry(at=LATER, forced=True, origin=OTHER), OTHER),
    "a change": (in_state(S.UPLOADED), lambda u: u.note_record_change(at=LATER, origin=OTHER), ASKED),
    "an arrival": (an_upload(), lambda u: u.receive(an_object(u), at=LATER, origin=OTHER), ASKED),
    "a wrong arrival": (
        an_upload(),
        lambda u: u.receive(an_object(u, size=1), at=LATER, origin=OTHER),
        ASKED,
    ),
    "a cancellation": (an_upload(), lambda u: u.cancel(at=LATER, origin=OTHER), ASKED),
    "a deletion": (in_state(S.COMPLETED), lambda u: u.delete(at=LATER, origin=OTHER), ASKED),
}


@pytest.mark.parametrize("name", OF_A_REQUEST)
def test_an_event_has_the_origin_of_its_request(name):
    upload, act, kept = OF_A_REQUEST[name]
    after, event = act(replace(upload, origin=ASKED))
    assert (event.origin, after.origin) == (OTHER, kept)


@pytest.mark.parametrize("name", TRANSITIONS)
def test_a_change_without_a_request_has_the_origin_of_its_upload(name):
    act, allowed, _ = TRANSITIONS[name]
    after, event = act(in_state(min(allowed), origin=ASKED))
    assert (event.origin, after.origin) == (ASKED, ASKED)
