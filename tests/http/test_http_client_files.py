"""The modules of the browser client, as orak serves them."""

import json
import re
from pathlib import Path

import pytest

import orak
from orak.domain.formats import ACCEPTED, CONTENT_TYPES, EXTENSIONS

ROOT = Path(__file__).parents[2]
CLIENT = Path(orak.__file__).parent / "entrypoints" / "web" / "client"
PAGE = CLIENT.parent / "page"
MODULES = sorted(path.name for path in CLIENT.glob("*.js"))


@pytest.mark.parametrize("name", MODULES)
async def test_a_module_is_served_as_javascript_and_revalidated(anonymous, name):
    answer = await anonymous.get(f"/client/{name}")
    assert answer.text == (CLIENT / name).read_text()
    assert answer.headers["Content-Type"].startswith("text/javascript")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "no-cache" in answer.headers["Cache-Control"]
    again = await anonymous.get(f"/client/{name}", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("name", ["index.d.ts", "package.json", "../page/app.js", "%2e%2e/page/app.js", ""])
async def test_other_files_of_the_client_are_not_served(anonymous, name):
    assert (await anonymous.get(f"/client/{name}")).status_code == 404


def test_the_npm_package_carries_the_licence():
    assert (CLIENT / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


def test_the_typescript_example_uses_every_export():
    sample = (ROOT / "examples" / "typescript" / "app.ts").read_text()
    index = (CLIENT / "index.js").read_text()
    values = re.findall(r"[A-Za-z0-9]+", "".join(re.findall(r"export \{(.*?)\}", index)))
    types = re.findall(r"@typedef .*\} (\w+) \*/", index)
    assert len(values) > 15
    assert len(types) > 20
    for name in [*values, *types, "useRecording"]:
        assert len(re.findall(rf"\b{name}\b", sample)) > 1, name


def test_the_types_of_records_and_signed_urls_have_the_fields_that_orak_answers():
    types = (CLIENT / "api.js").read_text()
    components = json.loads((ROOT / "docs" / "openapi.json").read_text())["components"]["schemas"]

    def fields(name):
        [typedef] = re.findall(rf"@typedef {{object}} {name}\b(.*?)\*/", types, re.DOTALL)
        return re.findall(r"@property {.*?} (\w+)", typedef, re.DOTALL)

    assert fields("RecordResponse") == [*components["RecordView"]["properties"]]
    assert fields("PresignedUrl") == [*components["SignedUploadView"]["properties"]]


def test_the_browser_client_knows_the_formats_that_orak_accepts():
    table = re.search(r"FORMATS = (\[.*?\n\]);", (CLIENT / "content-types.js").read_text(), re.DOTALL)
    formats = json.loads(re.sub(r",(\s*\])", r"\1", table[1]))
    assert formats == [[[*audio.extensions], [*audio.content_types]] for audio in ACCEPTED]


def test_the_page_offers_the_files_that_orak_accepts():
    offered = re.search(r'accept="([^"]*)"', (PAGE / "index.html").read_text())[1].split(",")
    assert {one.removeprefix(".") for one in offered if one.startswith(".")} == set(EXTENSIONS)
    assert {one for one in offered if one.startswith("video/")} <= set(CONTENT_TYPES)


@pytest.mark.parametrize("name", MODULES)
def test_a_module_has_types_and_no_dependencies(name):
    text = (CLIENT / name).read_text()
    assert text.startswith("// @ts-check\n")
    assert (CLIENT / name).with_suffix(".d.ts").exists()
    imported = re.findall(r'^import .* from "([^"]+)"', text, re.MULTILINE)
    assert [name for name in imported if name[0] != "."] == (["react"] if name == "react.js" else [])
