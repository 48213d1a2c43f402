"""Encoded records are kept for as long as a record stays as it is."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from msgspec.structs import replace

from http_api import SETTINGS
from orak.domain.audio import Loudness
from orak.domain.identity import ObjectKey, RecordId, SongId, UploadId, UserId
from orak.domain.processing import FailureCode, ProcessingStatus
from orak.domain.record import ShownRecord
from orak.domain.upload import Output
from orak.entrypoints.http.answers import encoded_records
from orak.entrypoints.http.answers.encoded_records import EncodedRecords
from orak.entrypoints.http.answers.languages import Language
from orak.entrypoints.http.answers.views import RecordView

KO, EN = Language.KOREAN, Language.ENGLISH
AT = datetime(2026, 11, 1, 12, tzinfo=UTC)

FAILED = ShownRecord(
    id=RecordId(7),
    owner_id=UserId(1),
    song_id=None,
    upload_id=UploadId(9),
    title="첫 노래",
    declared_duration=184,
    created_at=AT,
    record_changed_at=AT,
    version=1,
    upload_version=4,
    upload_status=ProcessingStatus.FAILED,
    upload_failure=FailureCode.NO_AUDIO_STREAM,
    upload_key=ObjectKey("recordings/a_take.webm"),
    upload_changed_at=AT,
    has_object=True,
    progress=0,
    output=None,
)


def fresh(record: ShownRecord, language: Language) -> bytes:
    return msgspec.json.encode(RecordView.of(record, SETTINGS, language))


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2, "title": "둘째 노래"},
        {"upload_version": 5, "upload_status": ProcessingStatus.UPLOADED, "upload_failure": None},
        {"progress": 40, "upload_status": ProcessingStatus.PROCESSING},
        {
            "upload_version": 6,
            "upload_status": ProcessingStatus.COMPLETED,
            "output": Output(
                ObjectKey("published/a.m4a"), ObjectKey("published/a.json"), 184.5, Loudness(-20, -14, -1)
            ),
        },
        {"id": RecordId(8)},
        # The app of an adopted database changes these without a new version.
        {"title": "둘째 노래"},
        {"song_id": SongId(3)},
        {"declared_duration": 10},
        {"upload_status": ProcessingStatus.UPLOADED},
        {"record_changed_at": AT + timedelta(seconds=5)},
    ],
    ids="-".join,
)
def test_a_changed_record_is_encoded_again(changes):
    encoded = EncodedRecords(SETTINGS).encoded
    for record in (FAILED, replace(FAILED, **changes), FAILED):
        for language in (KO, EN):
            assert encoded(record, language) == fresh(record, language)
    assert encoded(FAILED, KO) is encoded(replace(FAILED), KO)


def test_those_encoded_first_are_forgotten(monkeypatch):
    monkeypatch.setattr(encoded_records, "_MOST", 2)
    encoded = EncodedRecords(SETTINGS).encoded
    records = [replace(FAILED, id=RecordId(number)) for number in (1, 2, 3)]
    first, second, _ = [encoded(record, KO) for record in records]
    assert encoded(records[1], KO) is second
    assert encoded(records[0], KO) is not first
    assert encoded(records[0], KO) == first
