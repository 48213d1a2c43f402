"""The pages and their files, as orak serves them."""

import base64
import re
from hashlib import sha256
from pathlib import Path

import pytest

import orak
from orak.entrypoints.http.answers.page_policy import page_headers, stores
from orak.entrypoints.settings.values import Settings

WEB = Path(orak.__file__).parent / "entrypoints" / "web"


@pytest.mark.parametrize("path", ["/", "/operator"])
async def test_a_page_needs_no_token_and_has_a_strict_policy(anonymous, path):
    answer = await anonymous.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; ")
    assert "unsafe" not in policy
    assert "; connect-src 'self' http://orak.test ws://orak.test; " in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "microphone=(self)" in answer.headers["permissions-policy"]


@pytest.mark.parametrize("path", ["/", "/operator"])
async def test_every_file_that_a_page_refers_to_is_served(anonymous, path):
    page = await anonymous.get(path)
    pending = set(re.findall(r'(?:src|href)="(static/[^"]+)"', page.text))
    assert pending
    seen = set()
    while pending:
        name = pending.pop()
        seen.add(name)
        file = await anonymous.get(f"/{name}")
        assert file.status_code == 200, name
        if name.endswith(".js"):
            assert file.headers["content-type"].startswith("text/javascript")
            imported = re.findall(r'^import [^;]*?from "(\.[^"]+)";', file.text, re.MULTILINE)
            folder = Path("/", name).parent
            pending |= {str((folder / one).resolve()).lstrip("/") for one in imported} - seen


@pytest.mark.parametrize("path", ["/", "/operator", "/static/page/app.js"])
async def test_an_unchanged_file_is_revalidated_with_304(anonymous, path):
    answer = await anonymous.get(path)
    assert answer.headers["cache-control"] == "public, no-cache"
    again = await anonymous.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers.get("content-security-policy") == answer.headers.get("content-security-policy")


@pytest.mark.parametrize(
    "name",
    [
        *("page", "page/index.html", "docs/docs.js", "docs.js"),
        *("vendor/wavesurfer/LICENSE", "vendor/swagger-ui/swagger-ui.css"),
        *("../http/app.py", "%2e%2e/http/app.py"),
    ],
)
async def test_other_files_are_not_served(anonymous, name):
    assert (await anonymous.get(f"/static/{name}")).status_code == 404


@pytest.mark.parametrize("name", sorted(path.name for path in (WEB / "page").glob("*.js")))
def test_every_module_is_type_checked(name):
    assert (WEB / "page" / name).read_text().startswith("// @ts-check\n")


def test_the_policy_allows_the_style_sheet_of_wavesurfer():
    script = (WEB / "vendor" / "wavesurfer" / "wavesurfer.esm.js").read_text()
    height = re.search(r"^const HEIGHT = (\d+);$", (WEB / "page" / "player.js").read_text(), re.MULTILINE)
    template = re.search(r"e\.innerHTML=`\\n +<style\$\{.*?\}>(.*?)</style>", script, re.DOTALL)
    assert height
    assert template
    style = re.sub(r"\$\{this\.getHeight\(.*?\)\}", height[1], template[1]).replace("\\n", "\n")
    digest = base64.b64encode(sha256(style.encode()).digest()).decode()
    assert f"style-src 'self' 'sha256-{digest}'" in page_headers(Settings())["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ["http://127.0.0.1:8000"]),
        (
            {"public_url": "https://orak.example.com/sing", "cdn_base_url": "https://cdn.example.com/a"},
            ["https://cdn.example.com", "https://orak.example.com"],
        ),
        (
            {"public_url": "https://o.example.com", "s3_bucket_name": "takes", "s3_region": "ap-northeast-2"},
            [
                "https://o.example.com",
                "https://s3.amazonaws.com/takes/",
                "https://s3.ap-northeast-2.amazonaws.com/takes/",
                "https://takes.s3.amazonaws.com",
                "https://takes.s3.ap-northeast-2.amazonaws.com",
            ],
        ),
        (
            {"s3_bucket_name": "takes", "s3_endpoint_url": "http://store.example.com:9000"},
            [
                "http://127.0.0.1:8000",
                "http://store.example.com:9000/takes/",
                "http://takes.store.example.com:9000",
            ],
        ),
    ],
)
def test_the_policy_allows_the_configured_stores_only(changes, expected):
    assert stores(Settings(**changes)) == expected
