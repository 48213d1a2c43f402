"""What docs/browser.md says to write works as it stands there."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

DOCUMENT = (Path(__file__).parents[2] / "docs" / "browser.md").read_text()
SIMPLE, OWN_WAY = re.findall(r"```js\n(.*?)```", DOCUMENT, re.DOTALL)

_APP = """() => {
  localStorage.setItem("token", token);
  document.body.innerHTML = `
    <button id="singButton">Sing</button> <button id="stopButton">Stop</button>
    <input id="fileInput" type="file"> <output></output>`;
  window.prompt = () => "By the book";
  window.bar = (share) => (window.share = share);
  window.form = { title: async () => "My own way" };
  console.log = (record) => document.querySelector("output").append(`${record.title}. `);
}"""


@pytest.fixture
def app(page):
    page.evaluate(_APP)
    return page


def test_an_app_that_sends_at_once(app, sung):
    app.add_script_tag(type="module", content=SIMPLE)
    app.get_by_text("Sing").click()
    app.wait_for_function("tracks.length === 1")
    app.wait_for_timeout(1200)  # somebody sings
    app.get_by_text("Stop").click()
    expect(app.locator("output")).to_have_text("By the book.")
    app.locator("#fileInput").set_input_files(sung)
    expect(app.locator("output")).to_have_text("By the book. By the book.")


def test_an_app_that_sends_its_own_way(app):
    app.route(
        "**/storage/**",
        lambda route: route.fulfill(status=403),  # for as long as nobody tries again
        times=2,
    )
    found = app.evaluate(
        f"""async () => {{
          const service = recording();
          let again;
          const tried = new Promise((done) => (window.offer = (retry) => {{ again = retry; done(); }}));
          await service.startRecording();
          await passed(1200);
          {OWN_WAY}
          await tried;
          const record = await again();
          return [record.title, share, (await records()).length];
        }}"""
    )
    assert found == ["My own way", 1, 1]
