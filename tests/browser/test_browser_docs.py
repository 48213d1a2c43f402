"""The examples in docs/guides/browser.md work as written."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

DOCUMENT = (Path(__file__).parents[2] / "docs" / "guides" / "browser.md").read_text()
SIMPLE, STEPS, DELIVERY, LISTENING = re.findall(r"```js\n(.*?)```", DOCUMENT, re.DOTALL)

_APP = """() => {
  localStorage.setItem("token", token);
  document.body.innerHTML = `
    <button id="singButton">Sing</button> <button id="stopButton">Stop</button>
    <input id="fileInput" type="file"> <output></output>`;
  window.prompt = () => "From the guide";
  window.bar = (share) => (window.share = share);
  window.form = { title: async () => "From a form" };
  console.log = (record) => document.querySelector("output").append(`${record.title}. `);
}"""


@pytest.fixture
def app(page):
    page.evaluate(_APP)
    return page


def test_the_simple_example_works(app, sung):
    app.add_script_tag(type="module", content=SIMPLE)
    app.get_by_text("Sing").click()
    app.wait_for_function("tracks.length === 1")
    app.wait_for_timeout(1200)  # the user sings
    app.get_by_text("Stop").click()
    expect(app.locator("output")).to_have_text("From the guide.")
    app.locator("#fileInput").set_input_files(sung)
    expect(app.locator("output")).to_have_text("From the guide. From the guide.")


def test_the_example_in_steps_works(app, sung):
    app.locator("#fileInput").set_input_files(sung)
    found = app.evaluate(
        f"""async () => {{
          const service = recording();
          const {{ getDuration }} = orak;
          {STEPS}
          return (await records()).map(({{ title }}) => title);
        }}"""
    )
    assert found == ["sung (live)"]


def test_the_delivery_example_works(app):
    app.route(
        "**/storage/**",
        lambda route: route.fulfill(status=403),  # until the retry
        times=2,
    )
    found = app.evaluate(
        f"""async () => {{
          const service = recording();
          let again;
          const tried = new Promise((done) => (window.offer = (retry) => {{ again = retry; done(); }}));
          await service.startRecording();
          await passed(1200);
          {DELIVERY}
          await tried;
          const record = await again();
          return [record.title, share, (await records()).length];
        }}"""
    )
    assert found == ["From a form", 1, 1]


def test_the_listening_example_plays_and_has_the_peaks(app, sung):
    app.locator("#fileInput").set_input_files(sung)
    app.get_by_text("Sing").click()  # a gesture of the user, which playing needs
    found = app.evaluate(
        f"""async () => {{
          const service = recording();
          const files = new orak.FileUploadService({{ token, showTitleDialog: () => "heard" }});
          const {{ id: recordId }} = await files.uploadExternalFile(fileInput.files[0]);
          await settled(recordId);
          {LISTENING}
          while (!audio.currentTime) await passed(20);
          return [peaks.length, durationSeconds > 0, Math.round(audio.duration - durationSeconds)];
        }}"""
    )
    assert found == [800, True, 0]
