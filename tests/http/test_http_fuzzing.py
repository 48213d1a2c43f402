"""Random requests: no answer is a 5xx, and every error has the envelope."""

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from http_api import NEW_UPLOAD, refusal, upload

# Other requests on each run, so that the suite goes on finding what it has not tried yet. A failure prints
# the `@reproduce_failure` line that repeats it.
BOUNDED = settings(
    deadline=None, print_blob=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

FIELDS = st.sampled_from(
    [
        "originalFilename",
        "fileSize",
        "contentType",
        "durationSeconds",
        "createOnly",
        "title",
        "uploadId",
        "songId",
    ]
)
ODD_TEXT = st.sampled_from(
    [
        "",
        " ",
        "1_0",
        "1e3",
        "٣",
        "-0",
        "+1",
        "Infinity",
        "NaN",
        "\0",
        "\ud800",
        "take.webm",
        "audio/webm",
        "a" * 300,
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ODD_TEXT | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=3),
    max_leaves=5,
)
OBJECTS = st.dictionaries(FIELDS | st.text(max_size=8), VALUES, max_size=6)
GOOD = st.sampled_from([NEW_UPLOAD, {"title": "t", "uploadId": 1}, {"title": "u"}, {}])
JSON_BODIES = st.builds(lambda good, odd: json.dumps({**good, **odd}).encode(), GOOD, OBJECTS) | VALUES.map(
    lambda value: json.dumps(value).encode()
)
BODIES = JSON_BODIES | st.binary(max_size=200) | st.just(b"[" * 8192)
MEDIA_TYPES = st.sampled_from(
    [
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=b",
        "text/plain",
        "",
    ]
)
SEGMENTS = st.sampled_from(
    ["", "/", "/me", "/1", "/2", "/0", "/1_0", "/%D9%A1", "/9223372036854775808", "/uploads/1",
     "/uploads/%00", "/presigned-url", "/1/retry", "/%FF", "/..", "/1%2Fretry"]
)  # fmt: skip
QUERIES = st.sampled_from(
    ["", "?", "?limit=1", "?limit=x&cursor=%FF", "?fileSize=1e3&fileSize=3", "?a=b;c&&="]
)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "Accept-Language": st.sampled_from(["en", "ko;q=0", ";;q=,", "*"]),
        "Idempotency-Key": st.sampled_from(["k", "", "é"]),
        "Prefer": st.sampled_from(["wait=1", "wait", "wait=-1", ";"]),
        "If-None-Match": st.sampled_from(["*", '"', 'W/"1-1-0-ko"']),
        "X-Request-Id": st.sampled_from(["ok", "a b", "é"]),
        "Origin": st.sampled_from(["null", "https://app.example.com"]),
    },
)


@settings(BOUNDED, max_examples=250)
@given(
    method=st.sampled_from(["GET", "POST", "PATCH", "DELETE", "PUT", "OPTIONS", "HEAD"]),
    path=st.builds(lambda segment, query: f"/records/async{segment}{query}", SEGMENTS, QUERIES),
    body=BODIES,
    media_type=MEDIA_TYPES,
    headers=HEADERS,
)
async def test_no_request_makes_the_api_fail(owner, method, path, body, media_type, headers):
    raw = {name: value.encode() for name, value in headers.items()} | {"Content-Type": media_type.encode()}
    answer = await owner.request(method, path, content=body, headers=raw)
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400 and method != "HEAD":
        refusal(answer)


PATHS = st.sampled_from(
    ["recordings/00000000-0000-4000-8000-000000000001_take.webm", "published/x", ".incoming/x", "%00",
     "%2e%2e/x", "a//b", "\u00e9", "x" * 2000]
)  # fmt: skip
TERMS = st.dictionaries(
    st.sampled_from(["expires", "size", "type", "signature", "x"]),
    st.sampled_from(["", "3", "-1", "1e9", "999999999999999999999", "audio/webm", "\u00e9", "0" * 64]),
)


@settings(BOUNDED, max_examples=150)
@given(
    method=st.sampled_from(["GET", "PUT", "HEAD"]),
    folder=st.sampled_from(["storage", "media"]),
    path=PATHS,
    terms=TERMS,
    headers=st.fixed_dictionaries(
        {},
        optional={
            "Range": st.sampled_from(["bytes=0-", "bytes=-", "bytes=9-1", "x"]),
            "If-Range": st.sampled_from(['"', "x", "Mon, 01 Jan 2024 12:00:00 GMT"]),
            "Content-Length": st.sampled_from(["3", "-1", "x", "9" * 30]),
        },
    ),
)
async def test_no_request_makes_the_object_server_fail(owner, method, folder, path, terms, headers):
    answer = await owner.request(
        method,
        f"/{folder}/{path}",
        params=terms,
        content=b"abc" if method == "PUT" else None,
        headers=headers,
    )
    assert answer.status_code in {400, 403, 404, 405}
    if method != "HEAD":
        refusal(answer)


async def test_the_api_still_works_after_malformed_requests(owner):
    for body in (b"[" * 8192, b"\xff", b'{"title": "\\ud800"}'):
        await owner.post("/records/async", content=body, headers={"Content-Type": "application/json"})
    await upload(owner)
