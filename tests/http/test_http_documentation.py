"""The OpenAPI document and the page that shows it."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from litestar.routes import WebSocketRoute

from http_api import URL
from orak.domain.errors import Rejected
from orak.entrypoints.http.answers import live_views, operator_views, views, webhook_views
from orak.entrypoints.http.answers.error_codes import ErrorCode
from orak.entrypoints.http.app import API, SERVED_BY_LITESTAR, rendered_document
from orak.entrypoints.http.openapi.document import document
from orak.entrypoints.http.openapi.examples import EXAMPLES
from orak.entrypoints.http.openapi.operation import operation_of
from orak.entrypoints.http.requests.bodies import Body
from orak.entrypoints.http.requests.parameters import Parameters
from orak.entrypoints.http.serving.server import server_config
from orak.entrypoints.settings.values import Settings

REPOSITORY = Path(__file__).parents[2]

UNDOCUMENTED = {
    *("/", "/operator", "/static/{path}", "/client/{path}"),
    *("/docs", "/docs/assets/{name}", "/openapi.json"),
}
"""The pages and their files, which are not part of the API."""

HANDLERS = [route.handler for routes in API for route in routes]

BODIES = {body.name: body for handler in HANDLERS if isinstance(body := operation_of(handler).body, Body)}


@pytest.fixture(scope="module")
def written():
    return document(API, SERVED_BY_LITESTAR)


def operations(written) -> Iterator[dict]:
    for methods in written["paths"].values():
        yield from methods.values()


def test_the_committed_document_is_up_to_date():
    committed = (REPOSITORY / "docs" / "openapi.json").read_bytes()
    assert committed == rendered_document(), "python -m orak.entrypoints.http.openapi > docs/openapi.json"


async def test_the_document_has_every_route_and_no_other(api, written):
    snake = re.compile(r"_([a-z])")
    routes = {
        (method.lower(), snake.sub(lambda match: match[1].upper(), re.sub(r":\w+", "", route.path)))
        for route in api.app.routes
        # OpenAPI knows no WebSockets: the document describes the handshake, a GET.
        for method in (["GET", "HEAD"] if isinstance(route, WebSocketRoute) else route.methods)
        if method != "OPTIONS"
    }
    calls = {
        (route.method.lower(), snake.sub(lambda match: match[1].upper(), route.path))
        for routes in API
        for route in routes
    }
    routes |= {*calls, *(("head", path) for method, path in calls if method == "get")}
    described = {(method, path) for path, methods in written["paths"].items() for method in methods}
    described |= {("head", path) for method, path in described if method == "get"}  # the introduction says so
    assert {(method, path) for method, path in routes if path not in UNDOCUMENTED} == described


def test_every_reference_has_a_target(written):
    for reference in set(re.findall(r'"\$ref": "#/([^"]+)"', rendered_document().decode())):
        target = written
        for step in reference.split("/"):
            target = target[step]
        assert target


def test_every_code_is_documented_with_the_envelope(written):
    assert written["components"]["schemas"]["ErrorCode"]["enum"] == sorted(ErrorCode)
    examples = written["components"]["examples"]
    assert {example["value"]["error"]["code"] for example in examples.values()} == set(ErrorCode)
    for operation in operations(written):
        assert {"500", "503"} <= operation["responses"].keys()
        assert ("401" in operation["responses"]) is ("security" not in operation)
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                schema = response["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/ErrorEnvelope"}


def test_every_property_is_described(written):
    undescribed = [
        f"{name}.{field}"
        for name, schema in written["components"]["schemas"].items()
        for field, shape in schema.get("properties", {}).items()
        if not shape.get("description")
    ]
    assert undescribed == []


def test_every_operation_parameter_answer_and_schema_is_described(written):
    for operation in operations(written):
        name = operation["operationId"]
        assert operation["summary"], name
        assert operation["description"], name
        for parameter in operation["parameters"]:
            assert parameter["description"], (name, parameter["name"])
        for status, answer in operation["responses"].items():
            assert answer["description"], (name, status)
    for kind in ("schemas", "headers"):
        for name, component in written["components"][kind].items():
            assert component["description"], name


def test_times_and_urls_name_their_format(written):
    for name, schema in written["components"]["schemas"].items():
        for field, shape in schema.get("properties", {}).items():
            texts = [one for one in (shape, *shape.get("anyOf", ())) if one.get("type") == "string"]
            if field in {"at", "timestamp"} or field.endswith(("At", "Time", "Until")):
                assert [one["format"] for one in texts] == ["date-time"], (name, field)
            if field.lower().endswith("url"):
                assert [one["format"] for one in texts] == ["uri"], (name, field)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_of_an_answer_fits_its_view(name, written):
    modules = (views, live_views, operator_views, webhook_views)
    [view] = {getattr(module, name) for module in modules if hasattr(module, name)}
    example = written["components"]["schemas"][name]["examples"][0]
    assert msgspec.to_builtins(msgspec.convert(example, view)) == example


@pytest.mark.parametrize("name", BODIES)
def test_an_example_of_a_request_is_accepted(name, api):
    body = BODIES[name]
    assert body.example.keys() <= body.properties.keys()
    small = {"fileSize": 3} if "fileSize" in body.example else {}  # the service accepts at most 1,000 bytes
    assert body.parse(Parameters({**body.example, **small}), api.running)


@pytest.mark.parametrize("name", BODIES)
def test_a_parser_reads_exactly_the_documented_properties(name, api):
    body, parameters = BODIES[name], Parameters({})
    with suppress(Rejected):  # required fields are missing
        body.parse(parameters, api.running)
    assert parameters.names == list(body.properties)


def test_operation_ids_are_unique(written):
    names = [operation["operationId"] for operation in operations(written)]
    assert len(names) == len(set(names))


async def test_the_document_is_served_without_a_token_and_revalidated(anonymous):
    answer = await anonymous.get("/openapi.json")
    assert answer.json() == json.loads(rendered_document()) | {"servers": [{"url": URL}]}
    assert answer.headers["content-type"] == "application/json"
    again = await anonymous.get("/openapi.json", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_the_page_loads_nothing_from_other_servers(anonymous):
    page = await anonymous.get("/docs")
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "http" not in policy
    links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(links) == 4
    for link in links:
        assert link.startswith("/docs/assets/")
        answer = await anonymous.get(link)
        assert (answer.status_code, bool(answer.content)) == (200, True)
        assert answer.headers["x-content-type-options"] == "nosniff"
    script = (await anonymous.get("/docs/assets/docs.js")).text
    assert "validatorUrl: null" in script
    assert "http://" not in script
    assert "https://" not in script


@pytest.mark.parametrize("name", ["README.md", "..%2fdocs.html", "%2e%2e", "swagger-ui.css.map"])
async def test_no_other_file_is_served(anonymous, name):
    assert (await anonymous.get(f"/docs/assets/{name}")).status_code == 404


async def test_uvicorn_writes_no_query_into_its_log(api):
    config = server_config(api.app, Settings(host="127.0.0.1", port=0))
    assert not config.access_log
    assert not config.proxy_headers
