"""A real Chromium on a real `orak demo`; every page is watched for what it must not do."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from client_page import COUNT, opened
from playwright.sync_api import Page, sync_playwright
from screen_sizes import WIDE

from orak.adapters.audio.sung_sample import write_sung_sample
from orak.adapters.auth.issuing import issue_token
from orak.domain.identity import UserId

SECRET = "a-secret-for-tests-of-the-page-only-0123456789"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")

# Pictures check nothing: they are drawn when somebody wants them, and says where.
collect_ignore = [] if "ORAK_SCREENSHOTS" in os.environ else ["test_page_screenshots.py"]

_WATCH = """
window.violations = [];
addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`);
});
"""


class Demo:
    """A running `orak demo`."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.url = address.split("#", 1)[0].rstrip("/")
        self._users = iter(range(2, 10_000))

    def token(self, *scopes: str, user: int | None = None) -> str:
        """Return a token of somebody who has never been here."""
        user = next(self._users) if user is None else user
        return issue_token(SECRET, UserId(user), scopes, timedelta(hours=1), datetime.now(UTC))

    def call(self, token: str) -> httpx.Client:
        return httpx.Client(
            base_url=f"{self.url}/records/async", headers={"Authorization": f"Bearer {token}"}, timeout=20
        )


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    command = [Path(sys.executable).parent / "orak", "demo", "--port", "0", "--data-dir", folder]
    environment = {"PATH": os.environ["PATH"], "JWT_SECRET": SECRET, "HOME": str(folder)}
    with (
        (folder / "errors").open("w") as errors,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, env=environment, cwd=folder, text=True
        ) as process,
    ):
        try:
            yield Demo(_announced(process, folder / "errors"))
        finally:
            process.terminate()
            process.communicate(timeout=20)


def _announced(process, errors):
    said = []
    for line in process.stdout:
        said.append(line)
        if "ORAK_TOKEN=" in line:
            return re.search(r"http\S+/#token=\S+", "".join(said))[0]
    raise AssertionError("".join(said) + errors.read_text())


@pytest.fixture(scope="session")
def launched():
    """Start Chromiums, all by one Playwright: a process has room for no second."""
    assert CHROMIUM is not None, "there is no Chromium: `just test-browser` installs it on Debian"
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
    """Open contexts whose pages speak to nobody but orak, and keep to their policy."""

    @contextmanager
    def opened(**options):
        settings = {"viewport": WIDE, "locale": "en-US", "color_scheme": "light", "timezone_id": "Asia/Seoul"}
        context = chromium.new_context(**settings | options)
        context.set_default_timeout(15_000)
        context.add_init_script(_WATCH)
        home, strangers, broken = urlsplit(demo.url).netloc, [], []
        context.on("request", lambda request: _note(request.url, home, strangers))
        context.on("weberror", lambda error: broken.append(str(error.error)))
        try:
            yield context
            for page in context.pages:
                broken += page.evaluate("window.violations")
        finally:
            context.close()
        assert strangers == []
        assert broken == []

    return opened


def _note(url, home, strangers):
    address = urlsplit(url)
    if address.scheme != "blob" and address.netloc != home:
        strangers.append(url)


@pytest.fixture
def enter(demo):
    """Open the page as somebody."""

    def opened(context, token: str | None = None, path: str = "/") -> Page:
        page = context.new_page()
        page.goto(f"{demo.url}{path}#token={token or demo.token()}")
        return page

    return opened


@pytest.fixture
def page(browsing, demo) -> Iterator[Page]:
    """Return a page with orak's client, used by somebody who has never been here."""
    with browsing() as context:
        context.add_init_script(COUNT)
        yield opened(context, demo, demo.token())


@pytest.fixture(scope="session")
def sung(tmp_path_factory) -> Path:
    """Return a short sung take in a file."""
    file = tmp_path_factory.mktemp("sung") / "first verse.webm"
    write_sung_sample(file)
    return file


@pytest.fixture
def recorded(demo, sung):
    """Have a take of *token*'s owner on the shelf; return its record."""

    def made(token: str, title: str = "아리랑", content: bytes | None = None) -> dict:
        content = sung.read_bytes() if content is None else content
        asked = {
            "originalFilename": "take.webm",
            "fileSize": len(content),
            "contentType": "audio/webm",
        }
        with demo.call(token) as orak:
            signed = orak.post("/presigned-url", json=asked).raise_for_status().json()
            httpx.request(
                signed["method"], signed["presignedUrl"], headers=signed["headers"], content=content
            ).raise_for_status()
            named = {"title": title, "uploadId": signed["uploadId"]}
            return orak.post("", json=named, headers={"Prefer": "wait=10"}).raise_for_status().json()

    return made
