"""The operators' routes for webhook endpoints."""

import re

import pytest

from http_api import refusal, upload, wrong_fields

BASE = "/records/async/webhooks"
URL = "https://one.example/orak"


@pytest.fixture
async def operator(api):
    return await api.caller(scopes=("admin",))


async def add(operator, **fields) -> dict:
    answer = await operator.post(BASE, json={"url": URL} | fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def deliver(api):
    await api.service.use_cases.deliver_webhooks()
    await api.service.use_cases.deliver_webhooks.settled()


async def test_a_webhook_is_added_shown_changed_and_removed(operator):
    made = await add(operator, eventTypes=["RecordCreated"])
    assert re.fullmatch(r"whsec_[\w+/]{43}=", made["secret"])
    webhook = made["webhook"]
    assert webhook == {
        "id": 1,
        "url": URL,
        "eventTypes": ["RecordCreated"],
        "enabled": True,
        "disabledReason": None,
        "createdAt": webhook["createdAt"],
        "previousSecretUntil": None,
    }
    assert (await operator.get(f"{BASE}/1")).json() == webhook
    listed = await operator.get(BASE)
    assert listed.json() == [webhook]
    assert listed.headers["cache-control"] == "no-store"
    assert "whsec" not in listed.text
    changed = (await operator.patch(f"{BASE}/1", json={"enabled": False, "eventTypes": []})).json()
    assert (changed["enabled"], changed["eventTypes"], changed["url"]) == (False, [], URL)
    rotated = (await operator.post(f"{BASE}/1/rotate")).json()
    assert rotated["secret"] != made["secret"]
    assert rotated["webhook"]["previousSecretUntil"] is not None
    assert (await operator.delete(f"{BASE}/1")).status_code == 204
    assert refusal(await operator.delete(f"{BASE}/1")) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, [("url", "REQUIRED")]),
        ({"url": ""}, [("url", "REQUIRED")]),
        ({"url": 7}, [("url", "INVALID")]),
        ({"url": "ftp://one.example"}, [("url", "INVALID")]),
        ({"url": "https://user:word@one.example"}, [("url", "INVALID")]),
        ({"url": "https://one.example/#x"}, [("url", "INVALID")]),
        ({"url": "https:// one.example"}, [("url", "INVALID")]),
        ({"url": "https://one.example:99999"}, [("url", "INVALID")]),
        ({"url": "https://원.example"}, [("url", "INVALID")]),
        ({"url": "https://a/" + "x" * 2000}, [("url", "TOO_LONG")]),
        (
            {"url": "http://private.example", "eventTypes": ["X"]},
            [("url", "NOT_PUBLIC"), ("eventTypes", "INVALID")],
        ),
        ({"url": URL, "eventTypes": "RecordCreated"}, [("eventTypes", "INVALID")]),
        ({"url": URL, "secret": "mine"}, [("secret", "UNKNOWN_FIELD")]),
    ],
)
async def test_every_wrong_field_is_named_at_once(operator, body, wrong):
    assert wrong_fields(await operator.post(BASE, json=body)) == wrong


async def test_changes_are_validated_too(operator):
    await add(operator)
    answer = await operator.patch(f"{BASE}/1", json={"url": "http://private.example", "enabled": "maybe"})
    assert wrong_fields(answer) == [("enabled", "INVALID")]
    answer = await operator.patch(f"{BASE}/1", json={"url": "http://private.example"})
    assert wrong_fields(answer) == [("url", "NOT_PUBLIC")]


async def test_deliveries_are_listed_page_by_page_and_replayed(api, operator, owner):
    await add(operator)
    await upload(owner)
    await deliver(api)
    first = await operator.get(f"{BASE}/1/deliveries?limit=1")
    [shown] = first.json()
    assert (shown["type"], shown["outcome"], shown["statusCode"]) == ("UploadReceived", "DELIVERED", 204)
    second = await operator.get(first.links["next"]["url"])
    assert [one["type"] for one in second.json()] == ["UploadRequested"]
    assert "link" not in second.headers
    again = await operator.post(f"{BASE}/1/deliveries/{shown['id']}/replay")
    assert again.json() == shown
    await deliver(api)
    assert len(api.service.poster.posts) == 3
    assert (await operator.post(f"{BASE}/1/replay", json={"after": 0})).json() == {"replayed": 2}
    await deliver(api)
    assert len(api.service.poster.posts) == 5


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/9"),
        ("PATCH", "/9"),
        ("DELETE", "/9"),
        ("POST", "/9/rotate"),
        ("GET", "/9/deliveries"),
        ("POST", "/9/deliveries/1/replay"),
        ("POST", "/9/replay"),
        ("GET", "/x"),
        ("GET", "/1_0"),
        ("POST", "/1/deliveries/9/replay"),
        ("POST", "/1/deliveries/x/replay"),
    ],
)
async def test_unknown_webhooks_and_deliveries_are_404(operator, method, path):
    await add(operator)
    assert refusal(await operator.request(method, BASE + path, json={})) == (404, "NOT_FOUND")


async def test_messages_are_korean_and_english(operator):
    korean = await operator.get(f"{BASE}/9")
    assert korean.json()["error"]["message"] == "웹훅을 찾을 수 없습니다: 9"
    english = await operator.get(f"{BASE}/9", headers={"Accept-Language": "en"})
    assert english.json()["error"]["message"] == "Webhook not found: 9"
