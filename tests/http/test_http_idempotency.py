"""Idempotency keys: a repeated call has one effect."""

import asyncio
from datetime import timedelta

import pytest

from http_api import NEW_UPLOAD, create_record, refusal, upload, wrong_fields

PRESIGN, RECORDS = "/records/async/presigned-url", "/records/async"
KEY = {"Idempotency-Key": "4f9c2f1e"}


async def test_a_repeated_presign_returns_the_same_upload_whatever_its_form(owner):
    first = (await owner.post(PRESIGN, json=NEW_UPLOAD, headers=KEY)).json()
    for sent in ({"json": NEW_UPLOAD}, {"data": NEW_UPLOAD}, {"params": NEW_UPLOAD}):
        again = (await owner.post(PRESIGN, headers=KEY, **sent)).json()
        assert (again["uploadId"], again["s3Key"]) == (first["uploadId"], first["s3Key"])
    assert (await owner.post(PRESIGN, json=NEW_UPLOAD)).json()["uploadId"] != first["uploadId"]


async def test_a_repeated_create_returns_the_same_record(owner):
    body = {"title": "t", "uploadId": (await upload(owner))["uploadId"]}
    first = await owner.post(RECORDS, json=body, headers=KEY)
    again = await owner.post(RECORDS, json=body, headers=KEY)
    assert (again.status_code, again.text) == (200, first.text)


async def test_a_repeated_presign_of_a_deleted_upload_is_404(owner):
    signed = (await owner.post(PRESIGN, json=NEW_UPLOAD, headers=KEY)).json()
    record = await create_record(owner, signed)
    await owner.delete(f"{RECORDS}/{record['id']}")
    answer = await owner.post(PRESIGN, json=NEW_UPLOAD, headers=KEY)
    assert refusal(answer) == (404, "RECORD_OPERATION_FAILED")
    assert answer.json()["error"]["message"] == f"업로드를 찾을 수 없습니다: {signed['uploadId']}"


async def test_a_repeated_create_of_a_deleted_record_is_404(owner):
    body = {"title": "t", "uploadId": (await upload(owner))["uploadId"]}
    record = (await owner.post(RECORDS, json=body, headers=KEY)).json()
    await owner.delete(f"{RECORDS}/{record['id']}")
    assert refusal(await owner.post(RECORDS, json=body, headers=KEY)) == (404, "RECORD_NOT_FOUND")


async def test_a_repeated_presign_has_a_fresh_url(api, owner):
    first = (await owner.post(PRESIGN, json=NEW_UPLOAD, headers=KEY)).json()
    api.service.clock.advance(timedelta(hours=1))
    again = (await owner.post(PRESIGN, json=NEW_UPLOAD, headers=KEY)).json()
    assert (again["uploadId"], again["s3Key"]) == (first["uploadId"], first["s3Key"])
    assert (first["expirationTime"], again["expirationTime"]) == (
        "2024-01-01T12:15:00Z",
        "2024-01-01T13:15:00Z",
    )
    sent = await owner.put(again["presignedUrl"], content=b"abc", headers=again["headers"])
    assert sent.status_code == 200


async def test_what_counts_as_absent_is_the_same_call_as_what_is_absent(owner):
    body = {"title": "t", "uploadId": (await upload(owner))["uploadId"]}
    first = await owner.post(RECORDS, json=body, headers=KEY)
    lenient = body | {"uploadId": str(body["uploadId"]), "songId": None, "durationSeconds": "0"}
    again = await owner.post(RECORDS, json=lenient, headers=KEY)
    assert (again.status_code, again.text) == (200, first.text)


async def test_concurrent_repeats_of_a_create_have_one_effect(owner):
    body = {"title": "t", "uploadId": (await upload(owner))["uploadId"]}
    answers = await asyncio.gather(*(owner.post(RECORDS, json=body, headers=KEY) for _ in range(20)))
    assert {(answer.status_code, answer.json()["id"]) for answer in answers} == {(200, 1)}


async def test_a_key_used_with_another_body_is_422(owner):
    signed = (await owner.post(PRESIGN, json=NEW_UPLOAD, headers=KEY)).json()
    answer = await owner.post(PRESIGN, json=NEW_UPLOAD | {"fileSize": 4}, headers=KEY)
    assert refusal(answer) == (422, "IDEMPOTENCY_CONFLICT")
    # The two routes do not share their keys.
    assert (
        await owner.post(RECORDS, json={"title": "t", "uploadId": signed["uploadId"]}, headers=KEY)
    ).status_code == 200
    answer = await owner.post(RECORDS, json={"title": "u", "uploadId": signed["uploadId"]}, headers=KEY)
    assert refusal(answer) == (422, "IDEMPOTENCY_CONFLICT")


async def test_keys_of_different_users_are_independent(owner, other_user):
    mine = (await owner.post(PRESIGN, json=NEW_UPLOAD, headers=KEY)).json()
    theirs = (await other_user.post(PRESIGN, json=NEW_UPLOAD, headers=KEY)).json()
    assert mine["uploadId"] != theirs["uploadId"]


async def test_a_refused_call_leaves_its_key_unused(owner):
    answer = await owner.post(RECORDS, json={"title": "t", "uploadId": 1}, headers=KEY)
    assert refusal(answer) == (404, "RECORD_OPERATION_FAILED")
    await upload(owner)
    assert (await owner.post(RECORDS, json={"title": "u", "uploadId": 1}, headers=KEY)).status_code == 200


@pytest.mark.parametrize("key", ["", " ", "a b", "a" * 256, "키", "a\x7f"])
async def test_a_key_must_be_1_to_255_visible_ascii_characters(owner, key):
    headers = {"Idempotency-Key": key.encode()}
    for path, body in ((PRESIGN, NEW_UPLOAD), (RECORDS, {"title": "t", "uploadId": 1})):
        answer = await owner.post(path, json=body, headers=headers)
        assert wrong_fields(answer) == [("Idempotency-Key", "INVALID")]


async def test_two_keys_in_one_call_are_refused(owner):
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    assert wrong_fields(await owner.post(PRESIGN, json=NEW_UPLOAD, headers=headers)) == [
        ("Idempotency-Key", "INVALID")
    ]


async def test_a_key_of_255_characters_is_accepted(owner):
    answer = await owner.post(PRESIGN, json=NEW_UPLOAD, headers={"Idempotency-Key": "~" * 255})
    assert answer.status_code == 200
