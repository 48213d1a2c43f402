"""Records over HTTP: requests, answers and errors."""

import asyncio
import json
import unicodedata
from datetime import timedelta
from itertools import pairwise

import pytest
from msgspec.structs import replace

from http_api import OWNER, SETTINGS, an_api, convert, create_record, presign, refusal, upload, wrong_fields
from orak.application.ports.converter import DecoderDied, Unconvertible
from orak.application.ports.songs import Song
from orak.domain.actor import Actor
from orak.domain.identity import MAX_ID, SongId, UploadId, UserId
from orak.domain.policies.retries import MAX_FAILURES, MAX_FAILURES_WHEN_KILLED
from orak.domain.processing import RETRYABLE, FailureCode

JSON = {"Content-Type": "application/json"}


async def test_a_new_record_matches_the_contract_byte_for_byte(owner):
    await upload(owner)
    answer = await owner.post(
        "/records/async", json={"title": "첫 노래", "uploadId": 1, "durationSeconds": 184}
    )
    assert answer.status_code == 200
    assert answer.text == (
        '{"id":1,"title":"첫 노래","userId":1,"songId":null,"uploadId":1,"durationSeconds":184,'
        '"processingStatus":"PROCESSING","s3Key":"recordings/00000000-0000-4000-8000-000000000001_take.webm",'
        '"publicUrl":null,"createdAt":"2024-01-01T12:00:00Z","updatedAt":"2024-01-01T12:00:00Z",'
        '"failure":null,"waveformUrl":null,"loudness":null,"progress":0}'
    )


async def test_a_completed_record_has_its_public_urls(api, owner):
    record = await create_record(owner, await upload(owner))
    await convert(api, record)
    shown = (await owner.get("/records/async/1")).json()
    key = "published/00000000-0000-4000-8000-000000000001/1_take.m4a"
    assert shown["processingStatus"] == "COMPLETED"
    assert (shown["s3Key"], shown["publicUrl"]) == (key, f"http://orak.test/media/{key}")
    assert shown["waveformUrl"].startswith("http://orak.test/media/published/")
    assert (shown["durationSeconds"], shown["progress"]) == (12, 100)
    assert shown["loudness"] == {
        "inputLufs": -20.0,
        "outputLufs": -14.0,
        "truePeakDb": -1.5,
        "limitedBy": "headroom",
    }


async def test_public_urls_begin_with_the_cdn_url_and_are_percent_encoded():
    async with an_api(replace(SETTINGS, cdn_base_url="https://cdn.example.com/")) as api:
        owner = await api.caller()
        signed = await presign(owner, originalFilename="내 노래.webm")
        await owner.put(signed["presignedUrl"], content=b"abc", headers=signed["headers"])
        await convert(api, await create_record(owner, signed))
        shown = (await owner.get("/records/async/1")).json()
    assert shown["publicUrl"] == (
        "https://cdn.example.com/published/00000000-0000-4000-8000-000000000001/"
        "1_%EB%82%B4_%EB%85%B8%EB%9E%98.m4a"
    )


async def test_a_failure_is_explained_in_the_language_of_the_client(api, owner):
    api.service.converter.errors.append(Unconvertible(FailureCode.NO_AUDIO_STREAM))
    await convert(api, await create_record(owner, await upload(owner)))
    korean = (await owner.get("/records/async/1")).json()
    english = (await owner.get("/records/async/1", headers={"Accept-Language": "en"})).json()
    assert korean["processingStatus"] == "FAILED"
    assert korean["failure"] == {
        "code": "NO_AUDIO_STREAM",
        "message": "파일에 오디오가 없습니다",
        "retryable": False,
    }
    assert english["failure"]["message"] == "The file contains no audio"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, [("title", "REQUIRED"), ("uploadId", "REQUIRED")]),
        ({"title": " ", "uploadId": 1}, [("title", "REQUIRED")]),
        ({"title": 5, "uploadId": 1}, [("title", "INVALID")]),
        ({"title": "a" * 256, "uploadId": 1}, [("title", "TOO_LONG")]),
        ({"title": "a\0b", "uploadId": 1}, [("title", "INVALID_CHARACTER")]),
        ({"title": "a\nb", "uploadId": 1}, [("title", "INVALID_CHARACTER")]),
        ({"title": "\ud800", "uploadId": 1}, [("title", "INVALID_CHARACTER")]),
        ({"title": "t", "uploadId": 0}, [("uploadId", "INVALID")]),
        ({"title": "t", "uploadId": -1}, [("uploadId", "INVALID")]),
        ({"title": "t", "uploadId": 1.5}, [("uploadId", "INVALID")]),
        ({"title": "t", "uploadId": MAX_ID + 1}, [("uploadId", "INVALID")]),
        ({"title": "t", "uploadId": 2**63}, [("uploadId", "INVALID")]),
        ({"title": "t", "uploadId": 10**20}, [("uploadId", "INVALID")]),
        ({"title": "t", "uploadId": 2.0**53}, [("uploadId", "INVALID")]),
        ({"title": "t", "uploadId": 1e300}, [("uploadId", "INVALID")]),
        ({"title": "t", "uploadId": str(2**53)}, [("uploadId", "INVALID")]),
        ({"title": "t", "uploadId": "0"}, [("uploadId", "INVALID")]),
        ({"title": "t", "uploadId": ""}, [("uploadId", "INVALID")]),
        ({"title": "t", "uploadId": " 12 "}, [("uploadId", "INVALID")]),
        ({"title": "t", "uploadId": "1e3"}, [("uploadId", "INVALID")]),
        ({"title": "t", "uploadId": "\uff11\uff12"}, [("uploadId", "INVALID")]),
        ({"title": "t", "uploadId": "9" * 5000}, [("uploadId", "INVALID")]),
        ({"title": "t", "uploadId": 1, "songId": "x"}, [("songId", "INVALID")]),
        ({"title": "t", "uploadId": "1_0"}, [("uploadId", "INVALID")]),
        ({"title": "t", "uploadId": "+1"}, [("uploadId", "INVALID")]),
        ({"title": "t", "uploadId": True}, [("uploadId", "INVALID")]),
        ({"title": "t", "uploadId": 1, "songId": 0}, [("songId", "INVALID")]),
        ({"title": "t", "uploadId": 1, "durationSeconds": -1}, [("durationSeconds", "INVALID")]),
        ({"title": "t", "uploadId": 1, "durationSeconds": 3601}, [("durationSeconds", "TOO_LARGE")]),
        ({"title": "t", "uploadId": 1, "durationSeconds": 2**31}, [("durationSeconds", "TOO_LARGE")]),
        ({"title": "t", "uploadId": 1, "durationSeconds": "3601.5"}, [("durationSeconds", "TOO_LARGE")]),
        ({"title": "t", "uploadId": 1, "durationSeconds": -0.5}, [("durationSeconds", "INVALID")]),
        ({"title": "t", "uploadId": 1, "userId": 2}, [("userId", "UNKNOWN_FIELD")]),
        ({"title": "t", "uploadId": 1, "processingStatus": "x"}, [("processingStatus", "UNKNOWN_FIELD")]),
    ],
)
async def test_every_wrong_field_of_a_new_record_is_named(owner, body, expected):
    answer = await owner.post("/records/async", content=json.dumps(body), headers=JSON)
    assert wrong_fields(answer) == expected


@pytest.mark.parametrize("as_sent", [int, str, float, lambda number: f"000{number}"])
async def test_ids_are_numbers_or_strings_of_digits(api, owner, as_sent):
    await api.service.use_cases.import_songs([Song(SongId(5)), Song(SongId(6))])
    signed = await upload(owner)
    body = {"title": "t", "uploadId": as_sent(signed["uploadId"]), "songId": as_sent(5)}
    record = (await owner.post("/records/async", json=body)).json()
    assert (record["uploadId"], record["songId"]) == (signed["uploadId"], 5)
    changed = await owner.patch(f"/records/async/{record['id']}", json={"songId": as_sent(6)})
    assert changed.json()["songId"] == 6


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        *(
            (12, 12),
            (12.9, 12),
            ("12", 12),
            ("12.9", 12),
            (" 12 ", 12),
            ("+1", 1),
            ("1e3", 1000),
            (1e3, 1000),
        ),
        *((0, None), (0.9, None), ("", None), ("1e-7", None), (None, None), ("null", None)),
        *(("undefined", None), ("NaN", None), ("Infinity", None), ("-Infinity", None)),
    ],
)
async def test_a_duration_is_read_leniently(owner, sent, shown):
    signed = await upload(owner)
    record = await create_record(owner, signed, durationSeconds=sent)
    assert record["durationSeconds"] == shown


async def test_names_in_nfd_are_stored_in_nfc_and_bidi_controls_are_removed(api, owner):
    signed = await presign(owner, originalFilename=unicodedata.normalize("NFD", "가" * 200) + "\u202e.webm")
    record = await create_record(owner, signed, title=unicodedata.normalize("NFD", "가" * 255) + "\u202e")
    assert record["title"] == "가" * 255
    row = await api.service.use_cases.get_upload(Actor(UserId(OWNER)), UploadId(signed["uploadId"]))
    assert row.original_filename == "가" * 200 + ".webm"


async def test_every_time_is_in_whole_seconds(api, owner):
    api.service.clock.advance(timedelta(microseconds=987_654))
    signed = await upload(owner)
    api.service.clock.advance(timedelta(microseconds=999))
    record = await create_record(owner, signed)
    missing = (await owner.get("/records/async/77")).json()["error"]
    pending = (await owner.get("/records/async/uploads/1")).json()
    assert signed["expirationTime"] == pending["expirationTime"] == "2024-01-01T12:15:00Z"
    assert record["createdAt"] == record["updatedAt"] == pending["createdAt"] == "2024-01-01T12:00:00Z"
    assert missing["timestamp"] == "2024-01-01T12:00:00Z"


async def test_a_list_is_counted_on_request(owner, other_user):
    for _ in range(3):
        await create_record(owner, await upload(owner))
    await create_record(other_user, await upload(other_user))
    for query, total in (("count=true&limit=2", "3"), ("count=1", "3"), ("count=false", None), ("", None)):
        answer = await owner.get(f"/records/async/me?{query}")
        assert answer.headers.get("X-Total-Count") == total


async def test_a_list_is_ordered_within_a_second_although_it_shows_none(api, owner):
    made = []
    for _ in range(3):
        made.append((await create_record(owner, await upload(owner)))["id"])
        api.service.clock.advance(timedelta(microseconds=-7))  # so that the order is not that of the ids
    listed = (await owner.get("/records/async/me", params={"limit": 2})).json()
    assert [record["id"] for record in listed] == made[:2]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[" * 8192,
        b'{"a":' * 2000,
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b'{"title": "\xff", "uploadId": 1}',
        b"\xef\xbb\xbf{}",
        '{"title": "t"}'.encode("utf-16"),
    ],
)
async def test_a_body_that_is_not_a_json_object_is_malformed(owner, body):
    answer = await owner.post("/records/async", content=body, headers=JSON)
    assert wrong_fields(answer) == [("body", "MALFORMED")]


async def test_a_number_of_ten_thousand_digits_is_an_invalid_value(owner):
    body = b'{"title": "t", "uploadId": ' + b"9" * 10_000 + b"}"
    answer = await owner.post("/records/async", content=body, headers=JSON)
    assert wrong_fields(answer) == [("uploadId", "INVALID")]


async def test_a_title_of_255_characters_may_be_of_any_size_in_bytes(owner):
    signed = await upload(owner)
    record = await create_record(owner, signed, title="👩‍🎤" * 85)
    assert record["title"] == "👩‍🎤" * 85


async def test_a_body_over_16_kib_is_413_with_or_without_a_length(owner):
    async def chunks():
        for _ in range(1024):
            yield b" " * 1024

    for content in (b" " * (16 * 1024 + 1), chunks()):
        answer = await owner.post("/records/async", content=content, headers=JSON)
        assert refusal(answer) == (413, "PAYLOAD_TOO_LARGE")
    answer = await owner.post("/records/async", content=b" " * 16 * 1024, headers=JSON)
    assert refusal(answer) == (400, "VALIDATION_FAILED")


async def test_json_sent_as_text_is_415(owner):
    for media_type in ("text/plain", "application/x-www-form-urlencoded"):
        answer = await owner.post("/records/async", content=b"{}", headers={"Content-Type": media_type})
        assert refusal(answer) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_errors_of_a_create_match_the_contract_word_for_word(owner, other_user):
    await upload(owner)
    body = {"title": "t", "uploadId": 1}

    async def refused(client, **changes):
        answer = await client.post("/records/async", json=body | changes)
        return (*refusal(answer), answer.json()["error"]["message"])

    assert await refused(owner, uploadId=9) == (
        404, "RECORD_OPERATION_FAILED", "업로드를 찾을 수 없습니다: 9",
    )  # fmt: skip
    assert await refused(other_user) == (
        403, "RECORD_PERMISSION_DENIED", "Permission denied for record: null, user: 2",
    )  # fmt: skip
    assert await refused(owner, songId=5) == (
        404, "RECORD_OPERATION_FAILED", "노래를 찾을 수 없습니다: 5",
    )  # fmt: skip
    await owner.post("/records/async", json=body)
    assert await refused(owner) == (
        409, "RECORD_OPERATION_FAILED", "이미 Record가 존재하는 업로드입니다: 1",
    )  # fmt: skip
    assert await refused(other_user) == (
        403, "RECORD_PERMISSION_DENIED", "Permission denied for record: null, user: 2",
    )  # fmt: skip


async def test_of_fifty_concurrent_creates_one_succeeds(owner):
    await upload(owner)
    body = {"title": "t", "uploadId": 1}
    answers = await asyncio.gather(*(owner.post("/records/async", json=body) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 49


@pytest.mark.parametrize(
    ("header", "applied"),
    [
        ("wait=5", "wait=5"),
        ("respond-async, wait=99", "wait=10"),
        ('WAIT = "3"', "wait=3"),
        ("wait=0", "wait=0"),
        ("wait=soon", None),
        ("return=minimal", None),
    ],
)
async def test_a_client_chooses_how_long_it_waits(owner, header, applied):
    await upload(owner)
    answer = await owner.post(
        "/records/async", json={"title": "t", "uploadId": 1}, headers={"Prefer": header}
    )
    assert answer.status_code == 200
    assert answer.headers.get("preference-applied") == applied


async def test_an_unchanged_record_is_304(owner):
    await create_record(owner, await upload(owner))
    first = await owner.get("/records/async/1")
    etag = first.headers["etag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = await owner.get("/records/async/1", headers={"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    assert first.headers["cache-control"] == "private, no-cache"
    in_english = {"If-None-Match": etag, "Accept-Language": "en"}
    assert (await owner.get("/records/async/1", headers=in_english)).status_code == 200
    await owner.patch("/records/async/1", json={"title": "둘째"})
    assert (await owner.get("/records/async/1", headers={"If-None-Match": etag})).status_code == 200


@pytest.mark.parametrize(
    "record_id",
    [
        "0",
        "01",
        "-1",
        "+1",
        "1.5",
        "1_0",
        "%D9%A1",
        "9223372036854775808",
        str(MAX_ID + 1),
        "9" * 20,
        "x",
        "1%00",
    ],
)
async def test_a_path_id_that_cannot_be_an_id_is_404(owner, record_id):
    assert refusal(await owner.get(f"/records/async/{record_id}")) == (404, "NOT_FOUND")
    assert refusal(await owner.delete(f"/records/async/uploads/{record_id}")) == (404, "NOT_FOUND")


async def test_an_unknown_record_is_404(owner):
    answer = await owner.get(f"/records/async/{MAX_ID}")
    assert refusal(answer) == (404, "RECORD_NOT_FOUND")
    assert answer.json()["error"]["message"] == f"Record not found: {MAX_ID}"


async def test_each_page_links_to_the_next(owner):
    for _ in range(5):
        await create_record(owner, await upload(owner))
    everything = await owner.get("/records/async/me")
    assert [record["id"] for record in everything.json()] == [5, 4, 3, 2, 1]
    assert "link" not in everything.headers
    url, seen = "/records/async/me?limit=2", []
    while url:
        page = await owner.get(url)
        seen.append([record["id"] for record in page.json()])
        url = page.links.get("next", {}).get("url")
        assert url is None or url.startswith("http://orak.test/records/async/me?limit=2&cursor=")
    assert seen == [[5, 4], [3, 2], [1]]


async def test_a_list_holds_the_caller_s_own_records_only(owner, other_user):
    await create_record(owner, await upload(owner))
    assert (await other_user.get("/records/async/me")).text == "[]"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("limit=0", [("limit", "NOT_POSITIVE")]),
        ("limit=201", [("limit", "TOO_LARGE")]),
        ("limit=x", [("limit", "INVALID")]),
        ("limit=1_0", [("limit", "INVALID")]),
        ("cursor=!", [("cursor", "INVALID")]),
        ("cursor=MA", [("cursor", "INVALID")]),
        ("cursor=%F0%9F%8E%A4", [("cursor", "INVALID")]),
        ("limit=-5&cursor=x", [("limit", "NOT_POSITIVE"), ("cursor", "INVALID")]),
        ("limit=%FF", [("query", "MALFORMED")]),
        ("limit=0&count=maybe", [("limit", "NOT_POSITIVE"), ("count", "INVALID")]),
    ],
)
async def test_a_wrong_limit_or_cursor_is_refused(owner, query, expected):
    assert wrong_fields(await owner.get(f"/records/async/me?{query}")) == expected


async def test_title_and_song_change_apart_or_together(api, owner):
    await api.service.use_cases.import_songs([Song(SongId(5)), Song(SongId(6))])
    await create_record(owner, await upload(owner), songId=5)
    for change, expected in (
        ({"title": "e\u0301"}, ("\u00e9", 5)),
        ({"songId": 6}, ("\u00e9", 6)),
        ({"title": "둘", "songId": 5}, ("둘", 5)),
        ({"songId": None}, ("둘", None)),
    ):
        answer = await owner.patch("/records/async/1", json=change)
        assert (answer.json()["title"], answer.json()["songId"]) == expected


async def test_a_change_without_effect_keeps_version_and_time(api, owner):
    await api.service.use_cases.import_songs([Song(SongId(5))])
    await create_record(owner, await upload(owner), songId=5)
    before = await owner.get("/records/async/1")
    api.service.clock.advance(timedelta(minutes=1))
    for change in ({}, {"title": "첫 노래"}, {"songId": 5}, {"title": "첫 노래", "songId": 5}):
        answer = await owner.patch("/records/async/1", json=change)
        assert (answer.status_code, answer.json()) == (200, before.json())
    assert (await owner.get("/records/async/1")).headers["etag"] == before.headers["etag"]


@pytest.mark.parametrize("title", [" ", "\u200b", "\u2060\ufeff", "\u00ad \u3000", "\u3164\u2028", None])
async def test_an_invisible_title_counts_as_missing(owner, title):
    signed = await upload(owner)
    answer = await owner.post("/records/async", json={"title": title, "uploadId": signed["uploadId"]})
    assert wrong_fields(answer) == [("title", "REQUIRED")]
    await create_record(owner, signed, title="\u200b👩\u200d🎤")
    answer = await owner.patch("/records/async/1", json={"title": title})
    assert wrong_fields(answer) == [("title", "REQUIRED")]


async def test_every_wrong_field_of_a_change_is_named(owner):
    await create_record(owner, await upload(owner))
    answer = await owner.patch("/records/async/1", json={"title": "", "songId": "x", "uploadId": 3})
    assert wrong_fields(answer) == [
        ("title", "REQUIRED"),
        ("songId", "INVALID"),
        ("uploadId", "UNKNOWN_FIELD"),
    ]
    answer = await owner.patch("/records/async/1", json={"songId": 77})
    assert refusal(answer) == (404, "RECORD_OPERATION_FAILED")


async def test_only_a_failed_record_can_be_retried(api, owner):
    record = await create_record(owner, await upload(owner))
    assert refusal(await owner.post("/records/async/1/retry")) == (409, "CONFLICT")
    await fail_by_crashing(api, record)
    answer = await owner.post("/records/async/1/retry")
    assert (answer.status_code, answer.json()["processingStatus"]) == (200, "PROCESSING")
    await convert(api, record)
    assert (await owner.get("/records/async/1")).json()["processingStatus"] == "COMPLETED"


async def fail_by_crashing(api, record):
    for _ in range(MAX_FAILURES_WHEN_KILLED):
        api.service.clock.advance(timedelta(minutes=10))  # beyond the longest back-off
        api.service.converter.errors.append(DecoderDied(FailureCode.DECODER_CRASHED))
        await convert(api, record)


async def shown_and_retried(owner):
    """Return `failure.retryable` of the record, and the status of a retry."""
    shown = (await owner.get("/records/async/1")).json()
    assert shown["processingStatus"] == "FAILED"
    return shown["failure"]["retryable"], (await owner.post("/records/async/1/retry")).status_code


@pytest.mark.parametrize("failure", sorted({*FailureCode} - RETRYABLE))
async def test_a_failure_of_the_file_is_not_retryable(api, owner, failure):
    record = await create_record(owner, await upload(owner))
    api.service.converter.errors.append(Unconvertible(failure))
    await convert(api, record)
    assert await shown_and_retried(owner) == (False, 409)


async def test_a_failure_that_another_run_could_change_is_retryable(api, owner):
    await fail_by_crashing(api, await create_record(owner, await upload(owner)))
    (listed,) = (await owner.get("/records/async/me")).json()
    pending = (await owner.get("/records/async/uploads/1")).json()
    assert listed["failure"]["retryable"] is pending["failure"]["retryable"] is True
    assert await shown_and_retried(owner) == (True, 200)


async def test_a_record_whose_object_was_lost_is_not_retryable(api, owner):
    record = await create_record(owner, await upload(owner))
    await api.service.storage.delete(record["s3Key"])
    for _ in range(MAX_FAILURES):
        api.service.clock.advance(timedelta(minutes=10))
        await convert(api, record)
    assert await shown_and_retried(owner) == (False, 409)


async def test_an_upload_that_never_arrived_says_so_and_is_not_retryable(api, owner):
    await create_record(owner, await presign(owner))
    await presign(owner)
    await owner.delete("/records/async/uploads/2")
    api.service.clock.advance(timedelta(hours=2))
    await api.service.use_cases.sweep()
    expired, cancelled = [(await owner.get(f"/records/async/uploads/{number}")).json() for number in (1, 2)]
    assert (expired["processingStatus"], expired["failure"]["code"]) == ("EXPIRED", "UPLOAD_EXPIRED")
    assert (cancelled["processingStatus"], cancelled["failure"]["code"]) == ("CANCELLED", "UPLOAD_CANCELLED")
    assert (await owner.get("/records/async/1")).json()["failure"]["code"] == "UPLOAD_EXPIRED"
    assert await shown_and_retried(owner) == (False, 409)
    assert cancelled["failure"]["retryable"] is False


async def test_the_time_of_change_moves_with_everything_that_the_answer_shows(api, owner):
    async def shown():
        answer = await owner.get("/records/async/1")
        return answer.json(), answer.headers["etag"]

    record = await create_record(owner, await upload(owner))
    seen = [await shown()]

    async def converts():
        await convert(api, record)

    async def progresses():
        await api.service.persistence.leases.claim()
        api.service.clock.advance(timedelta(minutes=1))
        await api.service.persistence.leases.extend(UploadId(1), 4, 30)

    async def is_renamed():
        await owner.patch("/records/async/1", json={"title": "둘째"})

    async def is_retried():
        await owner.post("/records/async/1/retry")

    async def fails():
        await fail_by_crashing(api, record)

    async def is_released():
        async with api.service.persistence.transaction() as tx:
            held = await tx.uploads.get(UploadId(1))
            await tx.uploads.save(*held.release(held.attempt, at=api.service.clock.now()))

    for change in (is_renamed, fails, is_retried, progresses, is_released, converts):
        api.service.clock.advance(timedelta(minutes=11))
        await change()
        seen.append(await shown())
    for (before, old_tag), (after, new_tag) in pairwise(seen):
        assert after["updatedAt"] > before["updatedAt"], after
        assert old_tag != new_tag
    assert [status["processingStatus"] for status, _ in seen] == [
        *("PROCESSING", "PROCESSING", "FAILED", "PROCESSING", "PROCESSING", "PROCESSING", "COMPLETED")
    ]
    assert {status["createdAt"] for status, _ in seen} == {"2024-01-01T12:00:00Z"}


async def test_a_heartbeat_without_progress_changes_nothing(api, owner):
    await create_record(owner, await upload(owner))
    await api.service.persistence.leases.claim()
    before = await owner.get("/records/async/1")
    api.service.clock.advance(timedelta(seconds=20))
    await api.service.persistence.leases.extend(UploadId(1), 1, 0)
    after = await owner.get("/records/async/1")
    assert (after.json(), after.headers["etag"]) == (before.json(), before.headers["etag"])


async def test_a_null_song_takes_the_song_away(api, owner):
    await api.service.use_cases.import_songs([Song(SongId(5))])
    record = await create_record(owner, await upload(owner), songId=5)
    api.service.clock.advance(timedelta(minutes=1))
    kept = (await owner.patch("/records/async/1", json={"title": "다른 노래"})).json()
    assert kept["songId"] == record["songId"] == 5
    for _ in range(2):
        taken = (await owner.patch("/records/async/1", json={"songId": None})).json()
        assert (taken["songId"], taken["title"]) == (None, "다른 노래")
    assert (await owner.get("/records/async/1")).json() == taken


async def test_a_deleted_record_is_gone_with_its_upload(owner):
    await create_record(owner, await upload(owner))
    answer = await owner.delete("/records/async/1")
    assert (answer.status_code, answer.content) == (204, b"")
    assert refusal(await owner.delete("/records/async/1")) == (404, "RECORD_NOT_FOUND")
    assert refusal(await owner.get("/records/async/1")) == (404, "RECORD_NOT_FOUND")
    assert refusal(await owner.get("/records/async/uploads/1")) == (404, "RECORD_OPERATION_FAILED")
    answer = await owner.post("/records/async", json={"title": "t", "uploadId": 1})
    assert refusal(answer) == (404, "RECORD_OPERATION_FAILED")
