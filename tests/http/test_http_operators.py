"""The operators' routes."""

from datetime import timedelta

import pytest

from http_api import convert, create_record, refusal, upload
from orak.application.ports.converter import Unconvertible
from orak.domain.processing import FailureCode

ROUTES = [
    ("PUT", "size?size=x"),
    ("POST", "trigger"),
    ("GET", "statistics"),
    ("GET", "orphans?limit=x"),
    ("GET", "failures?limit=x"),
    ("POST", "failures/1/retry"),
]


@pytest.fixture(params=["/records/async/batch", "/batch"])
def batch(request):
    """Return the base path of the operators' routes; existing clients use the short one."""
    return request.param


@pytest.fixture
async def operator(api):
    return await api.caller(99, scopes=("admin",))


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_operators_routes_need_the_scope_before_anything_is_parsed(
    batch, anonymous, owner, method, path
):
    assert refusal(await anonymous.request(method, f"{batch}/{path}")) == (401, "UNAUTHORIZED")
    assert refusal(await owner.request(method, f"{batch}/{path}")) == (403, "FORBIDDEN")


async def test_the_batch_size_is_set_and_shown(batch, operator):
    answer = await operator.put(f"{batch}/size?size=200")
    assert (answer.status_code, answer.text) == (200, '{"batchSize":200}')
    assert (await operator.get(f"{batch}/statistics")).json()["batchSize"] == 200


@pytest.mark.parametrize("size", ["0", "-1", "1001", "x", "1.5", "", "1_0", "%D9%A1"])
async def test_a_wrong_batch_size_is_refused(batch, operator, size):
    answer = await operator.put(f"{batch}/size?size={size}")
    assert refusal(answer) == (400, "VALIDATION_FAILED")
    assert [detail["field"] for detail in answer.json()["error"]["details"]] == ["size"]


@pytest.mark.parametrize("query", ["size=5&size=6", "size=5&size=5", "size=5&size=", "size=0&size=x"])
async def test_a_batch_size_given_twice_is_refused(batch, api, operator, query):
    answer = await operator.put(f"{batch}/size?{query}")
    assert refusal(answer) == (400, "VALIDATION_FAILED")
    assert {detail["field"] for detail in answer.json()["error"]["details"]} == {"size"}
    assert await api.service.persistence.batch_settings.batch_size() is None


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("ko", ("배치 크기는 1000보다 클 수 없습니다", "운영자만 사용할 수 있습니다 (scope: admin)")),
        ("en", ("The batch size must be at most 1000", "Only operators may do this (scope: admin)")),
    ],
)
async def test_errors_have_korean_and_english_messages(batch, operator, owner, language, expected):
    headers = {"Accept-Language": language}
    wrong = (await operator.put(f"{batch}/size?size=1001", headers=headers)).json()["error"]
    other = (await owner.put(f"{batch}/size?size=1", headers=headers)).json()["error"]
    assert (wrong["details"][0]["message"], other["message"]) == expected


async def test_a_batch_size_is_required(batch, operator):
    answer = await operator.put(f"{batch}/size")
    assert refusal(answer) == (400, "VALIDATION_FAILED")
    assert answer.json()["error"]["details"][0]["code"] == "REQUIRED"


async def test_triggering_a_batch_begins_one(batch, api, operator):
    schedule = api.service.use_cases.batch_schedule
    assert [await schedule(), await schedule()] == [50, None]
    answer = await operator.post(f"{batch}/trigger")
    assert (answer.status_code, answer.text) == (200, '{"status":"triggered"}')
    assert [await schedule(), await schedule()] == [50, None]


async def test_statistics_count_uploads(batch, operator, owner):
    await create_record(owner, await upload(owner))
    await upload(owner)
    answer = await operator.get(f"{batch}/statistics")
    shown = answer.json()
    assert shown.pop("oldestWaitingSeconds") >= 0
    [relay] = shown.pop("relays")
    assert relay.pop("oldestSeconds") >= 0
    assert relay == {"reader": "delete-objects", "behind": 0, "deferred": 0}
    assert shown == {
        "activeJobs": 0,
        "maxConcurrentJobs": 4,
        "processingCount": 0,
        "failedCount": 0,
        "completedCount": 0,
        "batchEnabled": True,
        "queueDepth": 1,
        "waitingUsers": 1,
        "batchSize": 50,
        "orphanCount": 0,
    }
    assert answer.headers["cache-control"] == "no-store"


async def test_orphans_are_listed_page_by_page(batch, api, operator, owner):
    older, newer = [(await upload(owner))["uploadId"] for _ in range(2)]
    assert (await operator.get(f"{batch}/orphans")).json() == []
    api.service.clock.advance(timedelta(minutes=11))
    first = await operator.get(f"{batch}/orphans?limit=1")
    assert [orphan["uploadId"] for orphan in first.json()] == [newer]
    second = await operator.get(first.links["next"]["url"])
    assert [orphan["uploadId"] for orphan in second.json()] == [older]
    assert "link" not in second.headers


async def test_a_dead_letter_is_listed_and_retried(batch, api, operator, owner):
    record = await create_record(owner, await upload(owner))
    upload_id = record["uploadId"]
    api.service.converter.errors.append(Unconvertible(FailureCode.CORRUPT))
    await convert(api, record)
    (letter,) = (await operator.get(f"{batch}/failures", headers={"Accept-Language": "en"})).json()
    assert letter.pop("createdAt") == "2024-01-01T12:00:00Z"
    assert "2024-01-01T12" < letter.pop("failedAt") < "2024-01-01T13"
    assert letter == {
        "uploadId": upload_id,
        "recordId": record["id"],
        "userId": 1,
        "processingStatus": "FAILED",
        "s3Key": "recordings/00000000-0000-4000-8000-000000000001_take.webm",
        "fileSize": 3,
        "contentType": "audio/webm",
        "attempt": 1,
        "failures": 1,
        "failure": {"code": "CORRUPT", "message": "The file is damaged", "retryable": True},
        "errorMessage": "CORRUPT",
    }
    again = await operator.post(f"{batch}/failures/{upload_id}/retry")
    assert (again.status_code, again.json()["processingStatus"]) == (200, "UPLOADED")
    assert refusal(await operator.post(f"{batch}/failures/{upload_id}/retry")) == (409, "CONFLICT")


@pytest.mark.parametrize("upload_id", ["7", "0", "x", "%2B1"])
async def test_retrying_an_unknown_dead_letter_is_404(batch, operator, upload_id):
    assert (await operator.post(f"{batch}/failures/{upload_id}/retry")).status_code == 404
