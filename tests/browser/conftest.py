"""A real Chromium and a real `orak demo`. Foreign requests and policy violations fail a test."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from client_page import COUNT, opened
from demo_server import Demo, a_demo
from orak.adapters.audio.sung_sample import write_sung_sample
from screen_sizes import WIDE

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")

_TIMEOUT = 15_000  # ms: a loaded machine converts slowly
expect.set_options(timeout=_TIMEOUT)

# Screenshots check nothing; they are made on request.
collect_ignore = [] if "ORAK_SCREENSHOTS" in os.environ else ["test_page_screenshots.py"]

_WATCH = """
window.violations = [];
addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`);
});
"""


@pytest.fixture(scope="session")
def demo(tmp_path_factory) -> Iterator[Demo]:
    with a_demo(tmp_path_factory.mktemp("demo")) as demo:
        yield demo


@pytest.fixture(scope="session")
def launched():
    """Start Chromium with more arguments. One Playwright serves all: a process can hold only one."""
    assert CHROMIUM is not None, "Chromium was not found: `just test-browser` installs it on Debian"
    with sync_playwright() as playwright:

        @contextmanager
        def launched(*arguments: str):
            browser = playwright.chromium.launch(
                executable_path=CHROMIUM,
                args=[
                    "--no-sandbox",  # tests run as root in containers
                    "--use-fake-ui-for-media-stream",
                    "--use-fake-device-for-media-stream",
                    *arguments,
                ],
            )
            try:
                yield browser
            finally:
                browser.close()

        yield launched


@pytest.fixture(scope="session")
def chromium(launched):
    with launched("--autoplay-policy=document-user-activation-required") as browser:
        yield browser


@pytest.fixture
def browsing(chromium, demo):
    """Open browser contexts. Requests to other hosts, policy violations and errors fail the test."""

    @contextmanager
    def opened(**options):
        settings = {"viewport": WIDE, "locale": "en-US", "color_scheme": "light", "timezone_id": "Asia/Seoul"}
        context = chromium.new_context(**settings | options)
        context.set_default_timeout(_TIMEOUT)
        context.add_init_script(_WATCH)
        home, foreign, broken = urlsplit(demo.url).netloc, [], []
        context.on("request", lambda request: _note(request.url, home, foreign))
        context.on("weberror", lambda error: broken.append(str(error.error)))
        try:
            yield context
            for page in context.pages:
                broken += page.evaluate("window.violations")
        finally:
            context.close()
        assert foreign == []
        assert broken == []

    return opened


def _note(url, home, foreign):
    address = urlsplit(url)
    if address.scheme != "blob" and address.netloc != home:
        foreign.append(url)


@pytest.fixture
def enter(demo):
    """Open the page with a token, of a new user unless one is given."""

    def opened(context, token: str | None = None, path: str = "/") -> Page:
        page = context.new_page()
        page.goto(f"{demo.url}{path}#token={token or demo.token()}")
        return page

    return opened


@pytest.fixture
def page(browsing, demo) -> Iterator[Page]:
    """Return a page with the browser client and the token of a new user."""
    with browsing() as context:
        context.add_init_script(COUNT)
        yield opened(context, demo, demo.token())


@pytest.fixture(scope="session")
def sung(tmp_path_factory) -> Path:
    """Return a file with a short sung recording."""
    file = tmp_path_factory.mktemp("sung") / "first verse.webm"
    write_sung_sample(file)
    return file


@pytest.fixture
def recorded(demo, sung):
    """Create a record as the owner of *token* and return it."""

    def made(token: str, title: str = "아리랑", content: bytes | None = None) -> dict:
        content = sung.read_bytes() if content is None else content
        file = {
            "originalFilename": "take.webm",
            "fileSize": len(content),
            "contentType": "audio/webm",
        }
        with demo.call(token) as orak:
            signed = orak.post("/presigned-url", json=file).raise_for_status().json()
            httpx.request(
                signed["method"], signed["presignedUrl"], headers=signed["headers"], content=content
            ).raise_for_status()
            record = {"title": title, "uploadId": signed["uploadId"]}
            return orak.post("", json=record, headers={"Prefer": "wait=10"}).raise_for_status().json()

    return made
