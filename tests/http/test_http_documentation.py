"""The OpenAPI document and the page that shows it."""

import json
import re
from pathlib import Path

import msgspec
import pytest

from orak.entrypoints.http.answers.error_codes import ErrorCode
from orak.entrypoints.http.answers.operator_views import (
    BatchSizeView,
    OperatedUploadView,
    StatisticsView,
    TriggeredView,
)
from orak.entrypoints.http.answers.views import (
    RecordView,
    SignedUploadView,
    UploadView,
)
from orak.entrypoints.http.openapi.document import document, rendered_document
from orak.entrypoints.http.serving.server import server_config
from orak.entrypoints.settings.values import Settings

REPOSITORY = Path(__file__).parents[2]

UNDOCUMENTED = {
    *("/", "/operator", "/static/{path}", "/client/{path}"),
    *("/docs", "/docs/assets/{name}", "/openapi.json"),
}
"""What the document need not say of itself."""


def test_the_committed_document_is_up_to_date():
    committed = (REPOSITORY / "docs" / "openapi.json").read_bytes()
    assert committed == rendered_document(), "python -m orak.entrypoints.http.openapi > docs/openapi.json"


async def test_the_document_has_every_route_and_no_other(api):
    snake = re.compile(r"_([a-z])")
    routes = {
        (method.lower(), snake.sub(lambda match: match[1].upper(), re.sub(r":\w+", "", route.path)))
        for route in api.app.routes
        for method in route.methods
        if method != "OPTIONS"
    }
    described = {(method, path) for path, reports in document()["paths"].items() for method in reports}
    described |= {("head", path) for method, path in described if method == "get"}  # the introduction says so
    assert {(method, path) for method, path in routes if path not in UNDOCUMENTED} == described


def test_every_reference_leads_somewhere():
    text = rendered_document().decode()
    for reference in set(re.findall(r'"\$ref": "#/([^"]+)"', text)):
        target = document()
        for step in reference.split("/"):
            target = target[step]
        assert target


def test_every_code_is_documented_with_the_envelope():
    written = document()
    assert written["components"]["schemas"]["ErrorCode"]["enum"] == sorted(ErrorCode)
    examples = written["components"]["examples"]
    assert {example["value"]["error"]["code"] for example in examples.values()} == set(ErrorCode)
    for reports in written["paths"].values():
        for operation in reports.values():
            assert operation["summary"]
            assert operation["description"]
            assert {"500", "503"} <= operation["responses"].keys()
            assert ("401" in operation["responses"]) is ("security" not in operation)
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    schema = response["content"]["application/json"]["schema"]
                    assert schema == {"$ref": "#/components/schemas/ErrorEnvelope"}


@pytest.mark.parametrize(
    "view",
    [
        *(RecordView, SignedUploadView, UploadView),
        *(BatchSizeView, TriggeredView, StatisticsView, OperatedUploadView),
    ],
)
def test_examples_are_of_the_shape_they_are_examples_of(view):
    example = document()["components"]["schemas"][view.__name__]["examples"][0]
    assert msgspec.to_builtins(msgspec.convert(example, view)) == example


@pytest.mark.parametrize("shape", ["NewUpload", "NewRecord", "RecordChange"])
def test_examples_of_requests_name_known_fields(shape):
    schema = document()["components"]["schemas"][shape]
    assert schema["examples"][0].keys() <= schema["properties"].keys()
    assert set(schema.get("required", ())) <= schema["examples"][0].keys()


def test_operation_ids_are_unique():
    names = [one["operationId"] for path in document()["paths"].values() for one in path.values()]
    assert len(names) == len(set(names))


async def test_it_is_served_without_a_token_and_revalidated(anyone):
    answer = await anyone.get("/openapi.json")
    assert answer.json() == json.loads(rendered_document())
    assert answer.headers["content-type"] == "application/json"
    again = await anyone.get("/openapi.json", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_the_page_asks_nobody_else_for_anything(anyone):
    page = await anyone.get("/docs")
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "http" not in policy
    links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(links) == 4
    for link in links:
        assert link.startswith("/docs/assets/")
        answer = await anyone.get(link)
        assert (answer.status_code, bool(answer.content)) == (200, True)
        assert answer.headers["x-content-type-options"] == "nosniff"
    script = (await anyone.get("/docs/assets/docs.js")).text
    assert "validatorUrl: null" in script
    assert "http://" not in script
    assert "https://" not in script


@pytest.mark.parametrize("name", ["README.md", "..%2fdocs.html", "%2e%2e", "swagger-ui.css.map"])
async def test_no_other_file_is_to_be_had(anyone, name):
    assert (await anyone.get(f"/docs/assets/{name}")).status_code == 404


async def test_uvicorn_writes_no_query_into_its_log(api):
    config = server_config(api.app, Settings(host="127.0.0.1", port=0))
    assert not config.access_log
    assert not config.proxy_headers
