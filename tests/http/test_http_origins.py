"""The request id of a call, in the events that it leads to."""

import pytest

from http_api import OWNER, an_api, convert, create_record, presign, upload
from orak.domain.events import EventType as E
from orak.domain.origin import Origin

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
async def api():
    async with an_api() as api:
        yield api


async def origins(api):
    await api.service.persistence.event_log.number()
    logged = await api.service.persistence.event_log.after(0, 99)
    return [(one.event.type, one.event.origin) for one in logged]


async def calling(api, request_id, **headers):
    return await api.caller(OWNER, **{"X-Request-Id": request_id}, **headers)


async def test_the_id_of_each_call_is_in_the_events_of_its_change(api):
    signed = await upload(await calling(api, "asked"))
    record = await create_record(await calling(api, "named"), signed)
    await convert(api, record)
    path = f"/records/async/{record['id']}"
    await (await calling(api, "changed")).patch(path, json={"title": "둘째"})
    await (await calling(api, "deleted")).delete(path)
    assert [(kind, origin.request_id) for kind, origin in await origins(api)] == [
        (E.UPLOAD_REQUESTED, "asked"),
        (E.UPLOAD_RECEIVED, "asked"),
        (E.RECORD_CREATED, "named"),
        (E.PROCESSING_STARTED, "named"),
        (E.PROCESSING_COMPLETED, "named"),
        (E.RECORD_CHANGED, "changed"),
        (E.RECORD_DELETED, "deleted"),
    ]


async def test_a_call_without_an_id_gets_the_one_that_its_answer_shows(api):
    owner = await api.caller()
    answer = await owner.post("/records/async/presigned-url", json={"originalFilename": "a.webm"})
    assert answer.status_code == 400
    signed = await presign(owner)
    cancelled = await owner.delete(f"/records/async/uploads/{signed['uploadId']}")
    (_, asked), (_, ended) = await origins(api)
    assert ended.request_id == cancelled.headers["x-request-id"] != asked.request_id


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (TRACEPARENT, TRACEPARENT),
        (TRACEPARENT.upper(), None),
        (TRACEPARENT + "-more", None),
        (f"ff{TRACEPARENT[2:]}", None),
        (f"00-{'0' * 32}-b7ad6b7169203331-01", None),
        (f"00-0af7651916cd43dd8448eb211c80319c-{'0' * 16}-01", None),
    ],
)
async def test_the_trace_of_a_caller_is_kept_if_it_is_well_formed(api, given, kept):
    await presign(await calling(api, "asked", traceparent=given))
    assert await origins(api) == [(E.UPLOAD_REQUESTED, Origin("asked", kept))]
