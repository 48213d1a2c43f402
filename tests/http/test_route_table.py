"""The table of routes finds what is declared, and nothing else."""

import pytest

from orak.entrypoints.http.api import ApiRequest, ApiResponse, Routes
from orak.entrypoints.http.serving.route_table import RouteTable

things = Routes("/things", "things")


@things.post()
@things.get("/{thing_id}")
@things.delete("/{thing_id}")
@things.get("/{thing_id}/parts/{part_id}")
@things.get("/newest")
@things.post("/batch/size")
async def answer(_: ApiRequest, *_values: str) -> ApiResponse:
    return ApiResponse()


TABLE = RouteTable([*things, *things.at("/old", alias="Old")], other_paths=["/things/stream", "/pages"])


@pytest.mark.parametrize(
    ("path", "declared", "methods", "values"),
    [
        ("/things", "/things", {"POST"}, []),
        ("/things/", "/things", {"POST"}, []),
        ("//things//7/", "/things/{thing_id}", {"DELETE", "GET", "HEAD"}, ["7"]),
        ("/things/7", "/things/{thing_id}", {"DELETE", "GET", "HEAD"}, ["7"]),
        ("/things/{}", "/things/{thing_id}", {"DELETE", "GET", "HEAD"}, ["{}"]),
        ("/things/newest", "/things/newest", {"GET", "HEAD"}, []),
        ("/things/7/parts/8", "/things/{thing_id}/parts/{part_id}", {"GET", "HEAD"}, ["7", "8"]),
        ("/old/7/parts/8", "/old/{thing_id}/parts/{part_id}", {"GET", "HEAD"}, ["7", "8"]),
    ],
)
def test_a_declared_path_is_found_with_its_methods_and_values(path, declared, methods, values):
    found = TABLE.find(path)
    assert (found.path, set(found.routes), found.values) == (declared, methods, values)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/nothing",
        "/thing",
        "/things/stream",
        "/pages",
        "/things/batch",
        "/things/7/parts",
        "/things/7/8",
    ],
)
def test_other_paths_are_not_found(path):
    assert TABLE.find(path) is None
