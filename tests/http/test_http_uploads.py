"""Uploads over HTTP: the four forms of a request, and every rule of every parameter."""

import json

import pytest

from http_api import NEW_UPLOAD, presign, refusal, upload, wrong_fields

PATH = "/records/async/presigned-url"
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
MULTIPART = {"Content-Type": "multipart/form-data"}
BOUNDED = {"Content-Type": "multipart/form-data; boundary=b"}


async def test_the_answer_matches_the_contract_byte_for_byte(owner):
    answer = await owner.post(PATH, json=NEW_UPLOAD | {"durationSeconds": 184})
    signature = answer.json()["presignedUrl"].rpartition("=")[2]
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.text == (
        '{"uploadId":1,"presignedUrl":"http://orak.test/storage/recordings/'
        "00000000-0000-4000-8000-000000000001_take.webm?expires=1704111300&size=3&type=audio%2Fwebm"
        f'&signature={signature}","s3Key":"recordings/00000000-0000-4000-8000-000000000001_take.webm",'
        '"expirationTime":"2024-01-01T12:15:00Z","method":"PUT","headers":{"Content-Type":"audio/webm"}}'
    )


@pytest.mark.parametrize(
    "sent",
    [
        {"params": NEW_UPLOAD},
        {"data": NEW_UPLOAD},
        {"files": {field: (None, str(value)) for field, value in NEW_UPLOAD.items()}},
        {"json": NEW_UPLOAD},
        {"json": NEW_UPLOAD | {"fileSize": "3"}},
        {"params": NEW_UPLOAD, "headers": JSON},
        {"params": NEW_UPLOAD | {"fileSize": 99}, "data": {"fileSize": "3"}},
        {"params": {"originalFilename": "take.webm", "fileSize": "x"}, "json": NEW_UPLOAD},
    ],
    ids=[
        "query",
        "form",
        "FormData",
        "JSON",
        "number as text",
        "query, typed",
        "query and form",
        "query and JSON",
    ],
)
async def test_parameters_are_accepted_in_every_form(owner, sent):
    answer = await owner.post(PATH, **sent)
    assert answer.status_code == 200, answer.text
    assert list(answer.json()) == [
        "uploadId",
        "presignedUrl",
        "s3Key",
        "expirationTime",
        "method",
        "headers",
    ]
    assert "&size=3&" in answer.json()["presignedUrl"]


async def test_a_file_name_keeps_its_letters_in_every_form(owner):
    fields = NEW_UPLOAD | {"originalFilename": "내 노래 + 100%.webm"}
    for sent in (
        {"params": fields},
        {"data": fields},
        {"files": {field: (None, str(value)) for field, value in fields.items()}},
        {"json": fields},
        {
            "content": "&".join(f"{key}={value}" for key, value in NEW_UPLOAD.items())
            .replace("take", "내")
            .encode()
        },
    ):
        headers = FORM if "content" in sent else {}
        answer = await owner.post(PATH, headers=headers, **sent)
        expected = "_내.webm" if "content" in sent else "_내_노래_100.webm"
        assert answer.json()["s3Key"].endswith(expected), sent


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"originalFilename": ""}, [("originalFilename", "REQUIRED")]),
        ({"originalFilename": None}, [("originalFilename", "REQUIRED")]),
        ({"originalFilename": 7}, [("originalFilename", "INVALID")]),
        ({"originalFilename": "../../etc/passwd"}, [("originalFilename", "UNSUPPORTED_TYPE")]),
        ({"originalFilename": "a\0.webm"}, [("originalFilename", "INVALID_CHARACTER")]),
        ({"originalFilename": "\ud800.webm"}, [("originalFilename", "INVALID_CHARACTER")]),
        ({"originalFilename": "a" * 5000 + ".webm"}, [("originalFilename", "TOO_LONG")]),
        ({"originalFilename": "a.exe"}, [("originalFilename", "UNSUPPORTED_TYPE")]),
        ({"originalFilename": "webm"}, [("originalFilename", "UNSUPPORTED_TYPE")]),
        ({"fileSize": 0}, [("fileSize", "NOT_POSITIVE")]),
        ({"fileSize": -1}, [("fileSize", "NOT_POSITIVE")]),
        ({"fileSize": 10**15}, [("fileSize", "TOO_LARGE")]),
        ({"fileSize": 2**63}, [("fileSize", "INVALID")]),
        ({"fileSize": "1" * 30}, [("fileSize", "INVALID")]),
        ({"fileSize": "1e3"}, [("fileSize", "INVALID")]),
        ({"fileSize": 1e3}, [("fileSize", "INVALID")]),
        ({"fileSize": "1_0"}, [("fileSize", "INVALID")]),
        ({"fileSize": "٣"}, [("fileSize", "INVALID")]),
        ({"fileSize": " 3"}, [("fileSize", "INVALID")]),
        ({"fileSize": ""}, [("fileSize", "REQUIRED")]),
        ({"fileSize": True}, [("fileSize", "INVALID")]),
        ({"fileSize": [3]}, [("fileSize", "INVALID")]),
        ({"contentType": "text/html"}, [("contentType", "UNSUPPORTED_TYPE")]),
        ({"contentType": "audio/webm\r\nX-Evil: 1"}, [("contentType", "UNSUPPORTED_TYPE")]),
        ({"contentType": "audio/webm;codecs=" + "o" * 100}, [("contentType", "TOO_LONG")]),
        ({"durationSeconds": -1}, [("durationSeconds", "INVALID")]),
        ({"durationSeconds": 3601}, [("durationSeconds", "TOO_LARGE")]),
        ({"durationSeconds": 2**31}, [("durationSeconds", "TOO_LARGE")]),
        ({"durationSeconds": 3601.0}, [("durationSeconds", "TOO_LARGE")]),
        ({"durationSeconds": -0.1}, [("durationSeconds", "INVALID")]),
        ({"durationSeconds": "-1"}, [("durationSeconds", "INVALID")]),
        ({"durationSeconds": "long"}, [("durationSeconds", "INVALID")]),
        ({"durationSeconds": "\uff11\uff12"}, [("durationSeconds", "INVALID")]),
        ({"durationSeconds": "0x10"}, [("durationSeconds", "INVALID")]),
        ({"durationSeconds": "1_0"}, [("durationSeconds", "INVALID")]),
        ({"durationSeconds": True}, [("durationSeconds", "INVALID")]),
        ({"durationSeconds": [1]}, [("durationSeconds", "INVALID")]),
        ({"createOnly": "maybe"}, [("createOnly", "INVALID")]),
        ({"createOnly": 1}, [("createOnly", "INVALID")]),
        ({"userId": 2}, [("userId", "UNKNOWN_FIELD")]),
        ({"processingStatus": "COMPLETED"}, [("processingStatus", "UNKNOWN_FIELD")]),
        ({"x\ud800": 1}, [("x?", "UNKNOWN_FIELD")]),
        (
            {"originalFilename": " ", "fileSize": "x", "contentType": "a", "createOnly": "x", "z": 1},
            [
                ("originalFilename", "REQUIRED"),
                ("fileSize", "INVALID"),
                ("contentType", "UNSUPPORTED_TYPE"),
                ("createOnly", "INVALID"),
                ("z", "UNKNOWN_FIELD"),
            ],
        ),
    ],
)
async def test_every_wrong_parameter_is_named(owner, changes, expected):
    answer = await owner.post(PATH, content=json.dumps(NEW_UPLOAD | changes), headers=JSON)
    assert wrong_fields(answer) == expected


async def test_a_refused_type_is_answered_with_the_accepted_ones(owner):
    wrong = NEW_UPLOAD | {"originalFilename": "a.exe", "contentType": "text/html"}
    for language in ("ko", "en"):
        answer = await owner.post(PATH, json=wrong, headers={"Accept-Language": language})
        name, content_type = (detail["message"] for detail in answer.json()["error"]["details"])
        assert "webm, weba, ogg" in name
        assert "audio/webm, video/webm" in content_type


async def test_a_type_with_several_codecs_is_kept_to_the_letter(owner):
    for content_type in ("video/webm;codecs=vp8,opus", 'video/webm; codecs="vp8, opus"'):
        answer = await owner.post(PATH, data=NEW_UPLOAD | {"contentType": content_type})
        signed = answer.json()
        assert signed["headers"]["Content-Type"] == content_type
        sent = await owner.put(signed["presignedUrl"], content=b"abc", headers=signed["headers"])
        assert sent.status_code == 200, sent.text
        upload = (await owner.get(f"/records/async/uploads/{signed['uploadId']}")).json()
        assert (upload["processingStatus"], upload["contentType"]) == ("UPLOADED", content_type)


@pytest.mark.parametrize(
    "duration",
    [
        *(0, "0", "", " ", None, "null", "undefined", "Infinity", "-Infinity", "NaN", "infinity"),
        *(float("inf"), float("nan"), 0.5, "0.99", "1e-7", "1e400"),
    ],
)
async def test_a_zero_or_infinite_duration_counts_as_absent(owner, duration):
    content = json.dumps(NEW_UPLOAD | {"durationSeconds": duration})
    answer = await owner.post(PATH, content=content, headers=JSON)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(("word", "bound"), [("true", True), ("1", True), ("false", False), ("", False)])
async def test_create_only_is_bound_into_the_signature(owner, word, bound):
    answer = await owner.post(PATH, data=NEW_UPLOAD | {"createOnly": word})
    assert ("If-None-Match" in answer.json()["headers"]) is bound


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (
            {"files": {"originalFilename": ("take.webm", b"abc"), "fileSize": (None, "3")}},
            [("originalFilename", "INVALID"), ("contentType", "REQUIRED")],
        ),
        ({"content": b"a=%FF", "headers": FORM}, [("body", "MALFORMED")]),
        ({"content": b"&".join([b"a=1"] * 200), "headers": FORM}, [("body", "MALFORMED")]),
        ({"content": b"x", "headers": MULTIPART}, [("body", "MALFORMED")]),
        ({"content": b"x", "headers": BOUNDED}, [("body", "MALFORMED")]),
        (
            {
                "content": b'--b\r\nContent-Disposition: form-data; name="fileSize"\r\n'
                b"Content-Type: text/plain; charset=klingon\r\n\r\n3\r\n--b--\r\n",
                "headers": BOUNDED,
            },
            [("body", "MALFORMED")],
        ),
    ],
)  # fmt: skip
async def test_forms_are_read_as_strictly_as_json(owner, sent, expected):
    assert wrong_fields(await owner.post(PATH, **sent)) == expected


@pytest.mark.parametrize(
    "sent",
    [
        {"params": NEW_UPLOAD | {"title": "t", "songId": "x", "utm_source": ""}},
        {"data": NEW_UPLOAD | {"title": "t", "songId": "x"}},
        {"files": {field: (None, str(value)) for field, value in (NEW_UPLOAD | {"title": "t"}).items()}},
        {"files": {field: (None, str(value)) for field, value in NEW_UPLOAD.items()} | {"file": b"abc"}},
        {"params": {"title": "t"}, "json": NEW_UPLOAD},
    ],
    ids=["query", "form", "FormData", "FormData with the file", "query beside JSON"],
)
async def test_unknown_parameters_of_a_query_or_form_are_ignored(owner, sent):
    answer = await owner.post(PATH, **sent)
    assert answer.status_code == 200, answer.text


async def test_an_unknown_field_of_json_is_refused_also_beside_a_query(owner):
    answer = await owner.post(PATH, params=NEW_UPLOAD, json={"title": "t"})
    assert wrong_fields(answer) == [("title", "UNKNOWN_FIELD")]


async def test_a_query_that_is_not_utf_8_is_refused(owner):
    assert wrong_fields(await owner.post(f"{PATH}?originalFilename=%FF")) == [("query", "MALFORMED")]


async def test_an_empty_request_names_every_required_parameter(owner):
    answer = await owner.post(PATH)
    assert wrong_fields(answer) == [
        ("originalFilename", "REQUIRED"),
        ("fileSize", "REQUIRED"),
        ("contentType", "REQUIRED"),
    ]


@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "", "application/jsonp"])
async def test_a_body_of_another_type_is_415(owner, media_type):
    answer = await owner.post(PATH, content=json.dumps(NEW_UPLOAD), headers={"Content-Type": media_type})
    assert refusal(answer) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_the_owner_sees_the_status_of_an_upload(owner):
    signed = await upload(owner)
    answer = await owner.get("/records/async/uploads/1")
    assert answer.json() == {
        "uploadId": 1,
        "recordId": None,
        "processingStatus": "UPLOADED",
        "s3Key": signed["s3Key"],
        "fileSize": 3,
        "contentType": "audio/webm",
        "createdAt": "2024-01-01T12:00:00Z",
        "expirationTime": "2024-01-01T12:15:00Z",
        "failure": None,
    }


async def test_an_unknown_upload_is_404(owner):
    answer = await owner.get("/records/async/uploads/7")
    assert refusal(answer) == (404, "RECORD_OPERATION_FAILED")
    assert answer.json()["error"]["message"] == "업로드를 찾을 수 없습니다: 7"


async def test_an_upload_is_cancelled_once(owner):
    await presign(owner)
    answer = await owner.delete("/records/async/uploads/1")
    assert (answer.status_code, answer.content) == (204, b"")
    assert refusal(await owner.delete("/records/async/uploads/1")) == (409, "CONFLICT")
    answer = await owner.post("/records/async", json={"title": "t", "uploadId": 1})
    assert refusal(answer) == (409, "RECORD_OPERATION_FAILED")
