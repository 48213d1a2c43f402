"""Errors: one envelope, two languages, and no secrets."""

import dataclasses
import logging
import re

import pytest

from http_api import NEW_UPLOAD, Api, create_record, presign, refusal, upload
from orak.application.ports.failures import StaleVersion, Unavailable
from orak.domain.errors import OrakError, Problem, ProblemCode, StateConflict, WrongState
from orak.domain.identity import UploadId
from orak.domain.processing import FailureCode
from orak.entrypoints.http.answers.error_codes import STATUSES, ErrorCode
from orak.entrypoints.http.answers.errors import ERRORS
from orak.entrypoints.http.answers.languages import Language
from orak.entrypoints.http.answers.messages import error_text, failure_text, general_text, problem_text
from orak.entrypoints.readiness import Readiness, storage_probe


def break_use_case(api: Api, name: str, error: Exception) -> None:
    async def broken(*_args: object, **_kwargs: object) -> None:
        raise error

    running = api.app.state.running
    use_cases = dataclasses.replace(running.use_cases, **{name: broken})
    api.app.state.running = dataclasses.replace(running, use_cases=use_cases)


async def test_the_error_envelope_matches_the_contract_byte_for_byte(owner):
    answer = await owner.get("/records/async/12345?secret=1", headers={"X-Request-Id": "abc-1"})
    assert answer.status_code == 404
    assert answer.text == (
        '{"error":{"code":"RECORD_NOT_FOUND","message":"Record not found: 12345",'
        '"timestamp":"2024-01-01T12:00:00Z","path":"/records/async/12345","requestId":"abc-1","details":[]}}'
    )
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"


async def test_details_are_sentences_about_fields_in_the_language_of_the_client(owner):
    answer = await owner.post("/records/async", json={})
    assert answer.json()["error"]["details"] == [
        {"field": "title", "code": "REQUIRED", "message": "제목은 필수입니다"},
        {"field": "uploadId", "code": "REQUIRED", "message": "업로드 ID는 필수입니다"},
    ]
    answer = await owner.post(
        "/records/async", json={}, headers={"Accept-Language": "en-US,en;q=0.9,ko;q=0.8"}
    )
    assert answer.json()["error"]["message"] == "The request is not valid"
    assert [detail["message"] for detail in answer.json()["error"]["details"]] == [
        "The title is required",
        "The upload ID is required",
    ]


@pytest.mark.parametrize(
    "path", ["/nothing", "/records", "/records/async/1/2/3", "/records/async/uploads", "/docs/x"]
)
async def test_an_unknown_path_is_404_without_a_token(anonymous, path):
    assert refusal(await anonymous.get(path)) == (404, "NOT_FOUND")


async def test_a_wrong_method_gets_the_allowed_ones_without_a_token(anonymous):
    for method, path, allowed in (
        ("GET", "/records/async", "OPTIONS, POST"),
        ("PUT", "/records/async/1", "DELETE, GET, HEAD, OPTIONS, PATCH"),
        ("POST", "/health/live", "GET, HEAD, OPTIONS"),
        ("BREW", "/health/live", "GET, HEAD, OPTIONS"),
    ):
        answer = await anonymous.request(method, path)
        assert refusal(answer) == (405, "METHOD_NOT_ALLOWED")
        assert answer.headers["allow"] == allowed


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Basic c2luZ2VyOg==", "Bearer x", "Bearer a.b.c", "Bearer " + "a" * 9000],
)
async def test_without_a_valid_token_nothing_of_the_request_is_parsed(anonymous, authorization):
    headers = {} if authorization is None else {"Authorization": authorization}
    for method, path in (
        ("GET", "/records/async/x"),
        ("POST", "/records/async"),
        ("POST", "/records/async/presigned-url?limit=%FF"),
    ):
        answer = await anonymous.request(method, path, content=b"{", headers=headers)
        assert refusal(answer) == (401, "UNAUTHORIZED")
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_the_scheme_of_a_token_is_case_insensitive(api, anonymous):
    answer = await anonymous.get("/records/async/me", headers={"Authorization": f"bEARER  {api.token(1)}"})
    assert answer.status_code == 200


async def test_a_bug_is_an_internal_error_whose_cause_is_only_in_the_log(api, owner, caplog):
    break_use_case(api, "get_record", RuntimeError("password=hunter2"))
    answer = await owner.get("/records/async/1", headers={"X-Request-Id": "bug-1"})
    assert refusal(answer) == (500, "INTERNAL")
    assert "hunter2" not in answer.text
    assert "Traceback" not in answer.text
    [line] = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "bug-1" in line.getMessage()
    assert "hunter2" in str(line.exc_info)


async def test_an_unavailable_adapter_is_a_503_with_retry_after(api, owner):
    break_use_case(api, "get_record", Unavailable("the disk answered EIO"))
    answer = await owner.get("/records/async/1")
    assert refusal(answer) == (503, "UNAVAILABLE")
    assert answer.headers["retry-after"] == "4"
    assert "EIO" not in answer.text


async def test_a_stale_version_is_a_conflict(api, owner):
    break_use_case(api, "delete_record", StaleVersion())
    assert refusal(await owner.delete("/records/async/1")) == (409, "CONFLICT")


async def test_an_unavailable_database_at_the_first_token_is_a_503(api, owner):
    break_use_case(api, "register_user", Unavailable())
    assert refusal(await owner.get("/records/async/me")) == (503, "UNAVAILABLE")


async def test_only_the_first_token_of_a_user_registers_them(api):
    registered = []

    async def register(actor):
        registered.append(actor.user_id)

    running = api.app.state.running
    use_cases = dataclasses.replace(running.use_cases, register_user=register)
    api.app.state.running = dataclasses.replace(running, use_cases=use_cases)
    for user_id in (1, 2, 1, 1, 2):
        await (await api.caller(user_id)).get("/records/async/me")
    assert registered == [1, 2]


async def test_readiness_names_the_parts_that_do_not_answer(api, anonymous):
    assert (await anonymous.get("/health/live")).json() == {"status": "live"}
    assert (await anonymous.get("/health/ready")).json() == {"status": "ready"}

    class Down:
        async def head(self, _key):
            raise Unavailable

    down = Readiness({"storage": storage_probe(Down())})
    api.app.state.running = dataclasses.replace(api.app.state.running, readiness=down)
    answer = await anonymous.get("/health/ready", headers={"Accept-Language": "en"})
    assert refusal(answer) == (503, "UNAVAILABLE")
    assert answer.json()["error"]["details"] == [
        {"field": "storage", "code": "UNAVAILABLE", "message": "The storage does not answer"}
    ]
    assert (await anonymous.get("/health/live")).status_code == 200


async def test_a_process_that_drains_is_not_ready_but_answers(api, anonymous, owner):
    api.app.state.running.draining.set()
    answer = await anonymous.get("/health/ready", headers={"Accept-Language": "en"})
    assert refusal(answer) == (503, "UNAVAILABLE")
    assert answer.json()["error"]["details"] == [
        {"field": "shutdown", "code": "UNAVAILABLE", "message": "The server is shutting down"}
    ]
    assert (await anonymous.get("/health/live")).status_code == 200
    assert (await owner.get("/records/async/me")).status_code == 200


@pytest.mark.parametrize("given", ["", "a b", "a\x7f", "é".encode().decode("latin-1"), "x" * 129, 'a"b'])
async def test_a_request_id_that_could_forge_a_log_line_is_replaced(anonymous, given):
    answer = await anonymous.get("/nothing", headers={"X-Request-Id": given.encode("latin-1")})
    assert re.fullmatch("[0-9a-f]{32}", answer.json()["error"]["requestId"])


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "ko"),
        ("", "ko"),
        ("en", "en"),
        ("EN-gb", "en"),
        ("ko, en", "ko"),
        ("en, ko", "en"),
        ("ko;q=0.5, en;q=0.6", "en"),
        ("fr, de;q=0.5", "ko"),
        ("fr, en;q=0.1", "en"),
        ("*", "ko"),
        ("en;q=0.5, *;q=0.4", "en"),
        ("ko;q=0", "en"),
        ("ko;q=0, en;q=0", "ko"),
        ("en;q=x", "en"),
        ("en;q=2", "en"),
        (",;=,q", "ko"),
    ],
)
async def test_accept_language_chooses_the_language_by_weight(anonymous, header, language):
    answer = await anonymous.get("/nothing", headers={} if header is None else {"Accept-Language": header})
    assert answer.headers["content-language"] == language
    assert answer.json()["error"]["message"] == {"ko": "찾을 수 없습니다", "en": "Not found"}[language]
    assert "Accept-Language" in answer.headers["vary"]


async def test_every_error_code_comes_with_its_documented_status(owner, other_user, anonymous):
    """Every code is reached here, except those that other tests reach or this release never answers."""
    signed = await upload(owner)
    await create_record(owner, signed)
    await presign(owner)
    key = {"Idempotency-Key": "k"}
    await owner.post("/records/async/presigned-url", params=NEW_UPLOAD, headers=key)
    seen = {
        refusal(answer)
        for answer in (
            await owner.post("/records/async", json={"title": "t", "uploadId": 1}),
            await owner.get("/records/async/9"),
            await other_user.get("/records/async/1"),
            await owner.post("/records/async", json={}),
            await anonymous.get("/records/async/1"),
            await anonymous.put(signed["presignedUrl"] + "0"),
            await anonymous.get("/nothing"),
            await anonymous.put("/health/live"),
            await owner.post("/records/async/1/retry"),
            await anonymous.put(signed["presignedUrl"], content=b"xyz", headers=signed["headers"]),
            await owner.post("/records/async", content=b" " * 20_000),
            await owner.post("/records/async", content=b"{}"),
            await owner.post(
                "/records/async/presigned-url", params=NEW_UPLOAD | {"fileSize": 9}, headers=key
            ),
        )
    }
    assert {code for _, code in seen} == {code.value for code in ErrorCode} - {
        "RANGE_NOT_SATISFIABLE",  # test_http_storage
        "UNAVAILABLE",  # above
        "INTERNAL",  # above
        "RATE_LIMITED",  # test_http_live
        "QUOTA_EXCEEDED",  # this release has no quotas
    }
    assert all(status in STATUSES[ErrorCode(code)] for status, code in seen)


def test_every_error_has_a_message_in_both_languages():
    for language in Language:
        assert all(general_text(code, language) for code in ErrorCode)
        assert all(failure_text(failure, language) for failure in FailureCode)
        for problem in ProblemCode:
            for field in ("title", "createOnly", "body"):
                text = problem_text(Problem(field, problem, 255), language)
                assert "{" not in text
                assert "None" not in text
        for why in WrongState:
            assert "{" not in str(error_text(StateConflict(UploadId(1), why), language))


def test_an_unknown_field_name_is_not_used_as_a_template():
    problem = Problem("{limit.__class__}", ProblemCode.UNKNOWN_FIELD, 3)
    assert problem_text(problem, Language.ENGLISH) == "Unknown field: {limit.__class__}"


def test_every_error_that_reaches_a_caller_has_a_status_and_a_code():
    internal = {"LeaseLost", "ObjectChanged", "Unconvertible", "DecoderDied", "ConversionBroke"}
    known = {error.__name__ for error in OrakError.__subclasses__() if error.__module__.startswith("orak.")}
    assert known - internal == {error.__name__ for error in ERRORS}
