"""Both clients against a real server on a real socket."""

import pytest

from orak.client import OrakApiError, StillProcessing, UnsupportedAudio, flows


@pytest.fixture
def uploaded(orak, recording):
    presigned = orak.presign(recording.name, recording.stat().st_size)
    orak.put(presigned, recording)
    return presigned


def test_a_file_becomes_a_record_in_one_call(orak, recording):
    sent, seen = [], []
    record = orak.upload(
        recording, "아리랑", wait=60, on_progress=lambda *count: sent.append(count), on_record=seen.append
    )
    assert (record.processing_status, record.title, record.failure) == ("COMPLETED", "아리랑", None)
    assert record.duration_seconds == 11
    assert record.public_url.endswith(".m4a")
    assert record.loudness.output_lufs == pytest.approx(-14, abs=0.5)
    size = recording.stat().st_size
    assert sent[-1] == (size, size)
    assert [count for count, _ in sent] == sorted(count for count, _ in sent)
    assert seen[-1] == record
    assert orak.upload_status(record.upload_id).processing_status == "COMPLETED"


def test_create_can_ask_the_server_to_wait_for_the_conversion(orak, uploaded):
    record = orak.create("waited for", uploaded.upload_id, wait=10)
    assert record.is_settled


def test_a_wait_that_times_out_raises_still_processing(orak):
    presigned = orak.presign("never.webm", 3)
    record = orak.create("never comes", presigned.upload_id, wait=0)
    with pytest.raises(StillProcessing) as waited:
        orak.wait(record.id, timeout=0.2)
    assert waited.value.record.id == record.id


def test_a_second_put_of_the_same_file_succeeds(orak, uploaded, recording):
    orak.put(uploaded, recording)


def test_a_second_put_of_another_file_is_refused(orak, uploaded, recording, tmp_path):
    other = tmp_path / "other.webm"
    other.write_bytes(recording.read_bytes()[::-1])
    with pytest.raises(OrakApiError, match="PRECONDITION_FAILED"):
        orak.put(uploaded, other)


def test_calls_with_the_same_idempotency_key_have_one_effect(orak, recording):
    first, second = (orak.presign(recording.name, 3, idempotency_key="presigned-once") for _ in range(2))
    assert first.upload_id == second.upload_id
    records = [orak.create("one", first.upload_id, wait=0, idempotency_key="named-once") for _ in range(2)]
    assert records[0].id == records[1].id


def test_an_unchanged_record_is_not_read_again(orak, uploaded):
    record = orak.wait(orak.create("known", uploaded.upload_id).id)
    assert orak.get(record.id, known=record) is record
    changed = orak.change(record.id, title="renamed")
    assert changed.title == "renamed"
    assert orak.get(record.id, known=record).title == "renamed"


def test_records_fetches_every_page(client_of, server, token_of, monkeypatch):
    monkeypatch.setattr(flows, "FIRST_PAGE", {"limit": 2})
    pager = client_of(server.base_url, token_of(4))
    for record in pager.records():  # left by this test with the other kind of client
        pager.delete(record.id)
    made = [pager.create(f"{n}", pager.presign("a.mp3", 3).upload_id, wait=0).id for n in range(5)]
    assert [record.id for record in pager.records()] == made[::-1]


def test_a_deleted_record_is_gone(orak, uploaded):
    record = orak.create("deleted", uploaded.upload_id)
    orak.delete(record.id)
    for call in (orak.get, orak.delete):
        with pytest.raises(OrakApiError) as refused:
            call(record.id)
        assert (refused.value.status, refused.value.code) == (404, "RECORD_NOT_FOUND")


def test_an_upload_can_be_cancelled(orak):
    presigned = orak.presign("recording.ogg", 3)
    orak.cancel(presigned.upload_id)
    assert orak.upload_status(presigned.upload_id).processing_status == "CANCELLED"


def test_a_record_whose_file_is_at_fault_cannot_be_retried(orak, tmp_path):
    broken = tmp_path / "broken.mp3"
    broken.write_text("no music")
    failed = orak.upload(broken, "broken", wait=60)
    assert (failed.processing_status, failed.failure.code) == ("FAILED", "UNSUPPORTED_FORMAT")
    assert not failed.failure.retryable
    with pytest.raises(OrakApiError, match="CONFLICT") as refused:
        orak.retry(failed.id)
    assert refused.value.status == 409


def test_the_error_names_every_invalid_field(orak):
    with pytest.raises(OrakApiError) as refused:
        orak.presign("recording.webm", 0, "text/html")
    error = refused.value
    assert (error.status, error.code) == (400, "VALIDATION_FAILED")
    assert {detail.field for detail in error.details} == {"fileSize", "contentType"}
    assert error.request_id


def test_another_users_record_is_refused(orak, client_of, server, token_of, uploaded):
    record = orak.create("mine", uploaded.upload_id)
    with pytest.raises(OrakApiError) as refused:
        client_of(server.base_url, token_of(2)).get(record.id)
    assert (refused.value.status, refused.value.code) == (403, "RECORD_PERMISSION_DENIED")


def test_an_expired_token_is_refused(client_of, server, expired_token):
    with pytest.raises(OrakApiError) as refused:
        client_of(server.base_url, expired_token).get(1)
    assert (refused.value.status, refused.value.code) == (401, "UNAUTHORIZED")


def test_a_file_that_orak_does_not_accept_is_not_sent(orak, tmp_path):
    with pytest.raises(UnsupportedAudio):
        orak.presign("notes.txt", 3)
    with pytest.raises(FileNotFoundError):
        orak.upload(tmp_path / "absent.mp3", "absent")


def test_an_operator_lists_and_retries_failures(orak, operator, tmp_path, monkeypatch):
    monkeypatch.setattr(flows, "FIRST_PAGE", {"limit": 1})
    broken = tmp_path / "broken.mp3"
    broken.write_text("no music")
    failed = [orak.upload(broken, "broken", wait=60) for _ in range(2)]
    letters = {letter.record_id: letter for letter in operator.batch.failures()}
    letter = letters[failed[0].id]
    assert (letter.user_id, letter.failure.code) == (1, "UNSUPPORTED_FORMAT")
    assert letter.failed_at >= letter.created_at
    assert failed[1].id in letters
    assert operator.batch.statistics().failed_count >= 2
    again = operator.batch.retry(letter.upload_id)
    assert (again.upload_id, again.failed_at) == (letter.upload_id, None)
    assert orak.wait(failed[0].id).failure.code == "UNSUPPORTED_FORMAT"
    operator.batch.trigger()
    assert list(operator.batch.orphans()) == []


def test_the_batch_size_can_be_set_and_read(operator):
    for size in (200, 50):
        assert operator.batch.set_size(size) == size
        assert operator.batch.statistics().batch_size == size
    with pytest.raises(OrakApiError) as refused:
        operator.batch.set_size(0)
    assert [detail.field for detail in refused.value.details] == ["size"]


def test_operators_calls_need_the_admin_scope(orak):
    with pytest.raises(OrakApiError) as refused:
        orak.batch.statistics()
    assert (refused.value.status, refused.value.code) == (403, "FORBIDDEN")
