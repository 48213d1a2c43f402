from builders import START, an_upload
from orak.adapters.persistence.sql.event_payload import EventPayload
from orak.adapters.persistence.sql.rows import event_values
from orak.domain.identity import RecordId, UploadId


def test_the_stored_format_of_an_event_does_not_change():
    upload = an_upload()
    _, event = upload.attach_record(RecordId(7), at=START)
    assert event_values(UploadId(1), 2, event)["payload"] == (
        f'{{"type":"RecordCreated","userId":{event.user_id},"uuid":"{event.uuid}","status":"PENDING",'
        f'"attempt":0,"key":"recordings/{upload.uuid}",'
        f'"at":"2024-01-01T12:00:00Z","recordId":7}}'
    )


def test_a_stored_event_is_read_as_it_was_written():
    event = an_upload().requested()
    assert EventPayload.of(event).event(event.origin) == event
