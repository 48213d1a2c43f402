"""The studio and operators' pages in a real browser."""

import re
import wave
from io import BytesIO
from time import monotonic

import httpx
import pytest
from playwright.sync_api import expect

from page_actions import reach, sign_in
from screen_sizes import NARROW


def test_one_click_plays_the_demo_take(demo, browsing):
    with browsing() as context:
        page = context.new_page()
        page.goto(demo.address)
        page.get_by_role("button", name="Play 아리랑").click()
        slider = page.get_by_role("slider", name="Position in 아리랑")
        expect(slider).not_to_have_attribute("aria-valuenow", "0")
        page.get_by_role("button", name="Pause 아리랑").click()
        expect(page.get_by_role("button", name="Play 아리랑")).to_be_visible()
        assert page.url == f"{demo.url}/"  # the token has left the address bar
        assert page.evaluate("localStorage.length") == 0


_PLAY_FROM = """async ([url, place]) => {
  const audio = new Audio(url);
  const next = (event) => new Promise((done) => audio.addEventListener(event, done, { once: true }));
  await audio.play();
  const [sought, ended] = [next("seeked"), next("ended")];
  audio.currentTime = place;
  await sought;
  const began = audio.currentTime;
  await ended;
  return [began, audio.currentTime, audio.duration];
}"""


def test_a_recording_plays_from_a_place_in_the_middle_to_its_end(demo, browsing, recorded):
    record = recorded(demo.token())
    seconds = httpx.get(record["waveformUrl"]).json()["durationSeconds"]
    with browsing() as context:
        page = context.new_page()
        page.goto(demo.url)
        page.locator("body").click()  # a gesture of the user, which playing needs
        began, ended, duration = page.evaluate(_PLAY_FROM, [record["publicUrl"], seconds - 1.5])
    assert seconds - 1.5 <= began < seconds - 1
    assert ended == duration == pytest.approx(seconds, abs=0.001)


def test_three_clicks_record_and_save_a_take(browsing, enter):
    with browsing() as context:
        page = enter(context)
        page.get_by_role("button", name="Start recording").click()
        expect(page.get_by_role("timer")).to_have_text("0:01")
        page.get_by_role("button", name="Stop and name the take").click()
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("button", name="Play Take from")).to_be_enabled()


def test_everything_can_be_done_from_the_keyboard(browsing, enter):
    with browsing(viewport=NARROW) as context:
        page = enter(context)
        expect(page.get_by_role("heading", name="Nothing here yet")).to_be_visible()

        reach(page, "Start recording")
        page.keyboard.press("Enter")
        expect(page.get_by_role("timer")).to_have_text("0:01")
        reach(page, "Stop and name the take")
        page.keyboard.press("Space")

        expect(page.get_by_role("textbox")).to_be_focused()
        page.keyboard.type("First line")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Play First line")).to_be_enabled()

        reach(page, "Play First line")
        page.keyboard.press("Enter")
        slider = page.get_by_role("slider")
        expect(slider).to_be_visible()
        reach(page, "Position in First line")
        page.keyboard.press("End")
        page.keyboard.press("Home")
        expect(slider).to_have_attribute("aria-valuenow", "0")

        reach(page, "Rename First line")
        page.keyboard.press("Enter")
        expect(page.get_by_role("textbox")).to_be_focused()
        page.keyboard.type("Second thought")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Rename Second thought")).to_be_focused()
        expect(page.get_by_role("slider", name="Position in Second thought")).to_be_visible()

        reach(page, "Delete Second thought")
        page.keyboard.press("Enter")
        expect(page.get_by_text("“Second thought” is deleted.")).to_be_visible()
        reach(page, "Undo")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Play Second thought")).to_be_focused()


def test_several_files_upload_at_once_and_can_be_named_meanwhile(browsing, enter, sung):
    with browsing() as context:
        page = enter(context)
        hum = sung.with_name("콧노래.wav")
        hum.write_bytes(a_hum())
        page.locator("#files").set_input_files([sung, hum])
        page.get_by_label("Title · 콧노래.wav").press("Enter")
        expect(page.get_by_role("button", name="Play 콧노래")).to_be_enabled()
        title = page.get_by_label("Title · first verse.webm")
        expect(page.get_by_text("Uploaded. Add a title to save it.")).to_be_visible()
        title.fill("")
        title.press("Enter")
        expect(page.get_by_text("Enter a title.")).to_be_visible()
        title.fill("Arirang")
        title.press("Enter")
        expect(page.get_by_role("button", name="Play Arirang")).to_be_enabled()
        expect(page.get_by_role("heading", name="Uploads")).to_be_hidden()


def test_a_cancelled_upload_leaves_no_record(demo, browsing, enter, sung):
    token = demo.token()
    with browsing() as context:
        page = enter(context, token)
        with page.expect_response(lambda answer: "presigned-url" in answer.url) as signed:
            page.locator("#files").set_input_files(sung)
        page.get_by_role("button", name="Cancel first verse.webm").click()
        expect(page.get_by_label("Title · first verse.webm")).to_have_count(0)
        assert signed.value.ok
    with demo.call(token) as orak:
        assert orak.get("/me").json() == []


def test_an_upload_waits_for_the_network_and_continues(browsing, enter, sung):
    with browsing() as context:
        page = enter(context)
        expect(page.get_by_role("heading", name="Nothing here yet")).to_be_visible()
        context.set_offline(True)
        page.locator("#files").set_input_files(sung)
        page.get_by_label("Title · first verse.webm").press("Enter")
        expect(page.get_by_text("No connection. It will continue automatically.")).to_be_visible()
        context.set_offline(False)
        expect(page.get_by_role("button", name="Play first verse")).to_be_enabled()


def test_a_failed_take_shows_its_reason_and_can_be_retried_where_that_helps(demo, browsing, enter, recorded):
    token = demo.token()
    record = recorded(token, "Noise", b"this is no sound at all")
    assert record["processingStatus"] == "FAILED"
    crashed = record | {"failure": record["failure"] | {"retryable": True}}
    again = record | {"processingStatus": "PROCESSING", "failure": None}
    with browsing(locale="ko-KR") as context:
        page = enter(context, token)
        expect(page.locator(".take .problem")).not_to_be_empty()
        expect(page.get_by_role("button", name="Noise 다시 시도")).to_have_count(0)
        page.route("**/records/async/me?*", lambda route: route.fulfill(json=[crashed]))
        page.route("**/retry", lambda route: route.fulfill(json=again))
        page.reload()
        with page.expect_response(lambda answer: answer.url.endswith("/retry")) as retried:
            page.get_by_role("button", name="Noise 다시 시도").click()
        assert retried.value.ok
        expect(page.get_by_role("button", name="Noise 다시 시도")).to_have_count(0)


def test_a_take_of_a_closed_tab_is_offered_and_finished(demo, browsing, enter):
    token = demo.token()
    with browsing() as context:
        page = enter(context, token)
        page.get_by_role("button", name="Start recording").click()
        expect(page.get_by_role("timer")).to_have_text("0:04")
        page.close(run_before_unload=False)

        page = enter(context, token)
        expect(page.get_by_text(re.compile("The page was closed while you were singing"))).to_be_visible()
        page.get_by_role("button", name="Finish").click()
        page.get_by_role("textbox").fill("Saved")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Play Saved")).to_be_enabled()
        page.reload()
        expect(page.get_by_role("button", name="Play Saved")).to_be_enabled()
        expect(page.get_by_role("button", name="Finish")).to_have_count(0)
    with demo.call(token) as orak:
        [record] = orak.get("/me").json()
    assert record["durationSeconds"] >= 2


def test_a_take_of_a_tab_that_closes_is_offered_in_the_others_and_finished_once(demo, browsing, enter):
    token = demo.token()
    with browsing() as context:
        singing = enter(context, token)
        singing.get_by_role("button", name="Start recording").click()
        expect(singing.get_by_role("timer")).to_have_text("0:02")
        others = [enter(context, token) for _ in range(2)]
        for page in others:
            expect(page.get_by_role("heading", name="Nothing here yet")).to_be_visible()
            expect(page.get_by_role("button", name="Finish")).to_have_count(0)
        singing.close(run_before_unload=False)
        for page in others:
            expect(page.get_by_role("button", name="Finish")).to_be_visible()
        others[0].get_by_role("button", name="Finish").click()
        others[1].get_by_role("button", name="Finish").click()
        expect(others[1].get_by_text("It is open in another tab.")).to_be_visible()
        others[0].get_by_role("button", name="Save").click()
        expect(others[0].get_by_role("button", name="Play Take from")).to_be_enabled()
    with demo.call(token) as orak:
        assert len(orak.get("/me").json()) == 1


def test_an_unfinished_take_is_not_offered_to_another_user(demo, browsing, enter):
    with browsing() as context:
        page = enter(context, demo.token())
        page.get_by_role("button", name="Start recording").click()
        expect(page.get_by_role("timer")).to_have_text("0:02")
        page.close(run_before_unload=False)
        page = enter(context, demo.token())
        expect(page.get_by_role("heading", name="Nothing here yet")).to_be_visible()
        expect(page.get_by_role("button", name="Finish")).to_have_count(0)


def test_signing_out_ends_the_recording_and_keeps_it_for_its_user(demo, browsing, enter):
    token = demo.token()
    with browsing() as context:
        context.add_init_script(
            """
            window.tracks = [];
            if (navigator.mediaDevices) {
              const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
              navigator.mediaDevices.getUserMedia = async (wanted) => {
                const stream = await ask(wanted);
                window.tracks.push(...stream.getTracks());
                return stream;
              };
            }
            """
        )
        page = enter(context, token)
        page.get_by_role("button", name="Start recording").click()
        expect(page.get_by_role("timer")).to_have_text("0:02")
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_function("() => tracks.length === 1 && tracks[0].readyState === 'ended'")
        for _ in range(2):
            page.get_by_label("Access token").fill(token)
            page.keyboard.press("Enter")
            page.get_by_role("button", name="Finish").click()
            expect(page.get_by_role("heading", name="Uploads")).to_be_visible()
            page.get_by_role("button", name="Sign out").click()  # an upload in progress is kept too


def test_a_chosen_file_is_kept_for_its_user_when_the_token_expires(demo, browsing, enter, sung):
    def expire(page):
        page.route("**/records/async/me*", lambda route: route.fulfill(status=401), times=1)
        page.evaluate("dispatchEvent(new Event('online'))")  # the page refreshes
        expect(page.get_by_text("This token is invalid or expired.")).to_be_visible()

    with browsing() as context:
        page = enter(context, demo.token(user=7001))
        page.locator("#files").set_input_files(sung)
        page.get_by_label("Title · first verse.webm").fill("Not lost")
        expire(page)
        sign_in(page, demo.token(user=7001))
        title = page.get_by_label("Title · first verse.webm")
        expect(title).to_have_value("Not lost")
        expire(page)
        sign_in(page, demo.token(user=7002))
        expect(page.get_by_role("heading", name="Uploads")).to_be_hidden()
        page.get_by_role("button", name="Sign out").click()
        sign_in(page, demo.token(user=7001))
        page.locator("#files").set_input_files(sung)
        expire(page)
        sign_in(page, demo.token(user=7001))
        title.press("Enter")
        expect(page.get_by_role("button", name="Play first verse")).to_be_enabled()


def test_an_expired_upload_url_is_replaced(demo, browsing, enter, sung):
    token = demo.token()
    with browsing() as context:
        context.route("**/storage/**", lambda route: route.fulfill(status=403), times=1)
        page = enter(context, token)
        page.locator("#files").set_input_files(sung)
        page.get_by_label("Title · first verse.webm").press("Enter")
        expect(page.get_by_role("button", name="Play first verse")).to_be_enabled()
    with demo.call(token) as orak:
        assert len(orak.get("/me").json()) == 1


def test_a_lost_answer_still_creates_one_record(demo, browsing, enter, sung):
    token = demo.token()
    with browsing() as context:

        def lose_the_answer(route):
            route.fetch()
            route.abort()

        context.route("**/records/async", lose_the_answer, times=1)
        page = enter(context, token)
        page.locator("#files").set_input_files(sung)
        page.get_by_label("Title · first verse.webm").press("Enter")
        expect(page.get_by_role("heading", name="Uploads")).to_be_hidden()
        expect(page.get_by_role("button", name="Play first verse")).to_be_enabled()
    with demo.call(token) as orak:
        assert len(orak.get("/me").json()) == 1


def test_leaving_the_page_deletes_without_waiting_for_undo(demo, browsing, enter, recorded):
    token = demo.token()
    recorded(token)
    with browsing() as context, demo.call(token) as orak:
        page = enter(context, token)
        page.get_by_role("button", name="Delete 아리랑").click()
        expect(page.get_by_role("button", name="Undo")).to_be_visible()
        assert len(orak.get("/me").json()) == 1
        page.goto(f"{demo.url}/operator")
        expect(page.get_by_role("heading", name="Operators only")).to_be_visible()
        deadline = monotonic() + 10
        while orak.get("/me").json() and monotonic() < deadline:
            page.wait_for_timeout(50)
        assert orak.get("/me").json() == []


def test_signing_out_deletes_without_offering_undo_to_the_next_user(demo, browsing, enter, recorded):
    token, other = demo.token(), demo.token()
    recorded(token, "mine")
    with browsing() as context, demo.call(token) as orak:
        page = enter(context, token)
        page.get_by_role("button", name="Delete mine").click()
        page.get_by_role("button", name="Sign out").click()
        sign_in(page, other)
        expect(page.get_by_role("heading", name="Nothing here yet")).to_be_visible()
        expect(page.get_by_role("button", name="Undo")).to_have_count(0)
        deadline = monotonic() + 10
        while orak.get("/me").json() and monotonic() < deadline:
            page.wait_for_timeout(50)
        assert orak.get("/me").json() == []


def test_a_late_answer_is_not_shown_to_the_next_user(demo, browsing, recorded):
    token, other = demo.token(), demo.token()
    recorded(token, "secret")
    held = []
    with browsing() as context:
        page = context.new_page()
        # Playwright sets attributes on its handlers; a builtin accepts none.
        page.route("**/records/async/me?*", lambda route: held.append(route), times=1)  # noqa: PLW0108
        with page.expect_request("**/records/async/me?*"):
            page.goto(f"{demo.url}#token={token}")
        page.get_by_role("button", name="Sign out").click()
        sign_in(page, other)
        expect(page.get_by_role("heading", name="Nothing here yet")).to_be_visible()
        with page.expect_response("**/records/async/me?*"):
            held[0].continue_()
        page.evaluate("new Promise((done) => setTimeout(done, 200))")  # enough time to draw it
        expect(page.get_by_text("secret")).to_have_count(0)


def test_a_failed_delete_restores_the_take(demo, browsing, enter, recorded):
    token = demo.token()
    recorded(token, "stays")
    with browsing() as context:
        page = enter(context, token)
        page.route("**/records/async/*", lambda route: _refuse(route, "DELETE"))
        page.clock.install()
        page.get_by_role("button", name="Delete stays").click()
        expect(page.get_by_role("button", name="Play stays")).to_have_count(0)
        page.clock.run_for(7000)
        expect(page.get_by_role("button", name="Play stays")).to_be_visible()


def _refuse(route, method):
    if route.request.method == method:
        route.fulfill(status=500)
    else:
        route.fallback()


def test_an_expired_token_does_not_end_a_recording(demo, browsing, enter):
    token = demo.token()
    with browsing() as context:
        page = enter(context, token)
        expect(page.get_by_role("heading", name="Nothing here yet")).to_be_visible()
        page.get_by_role("button", name="Start recording").click()
        expect(page.get_by_role("timer")).to_have_text("0:01")
        page.route("**/records/async/**", lambda route: route.fulfill(status=401))
        with page.expect_response("**/records/async/me?*"):
            page.evaluate("dispatchEvent(new Event('online'))")
        expect(page.get_by_role("timer")).to_have_text("0:03")
        page.get_by_role("button", name="Stop and name the take").click()
        expect(page.get_by_label("Access token")).to_be_visible()
        page.unroute("**/records/async/**")
        sign_in(page, token)
        page.get_by_role("button", name="Finish").click()
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("button", name="Play Take from")).to_be_enabled()


def test_a_new_upload_does_not_take_the_focus_from_a_title(browsing, enter, sung):
    with browsing() as context:
        page = enter(context)
        page.locator("#files").set_input_files(sung)
        page.get_by_role("textbox").fill("")
        page.keyboard.type("My so")
        other = sung.with_name("other.webm")
        other.write_bytes(sung.read_bytes())
        page.locator("#files").set_input_files(other)
        expect(page.get_by_role("textbox")).to_have_count(2)
        page.keyboard.type("ng")
        expect(page.get_by_label("Title · first verse.webm")).to_have_value("My song")


def test_the_page_works_without_storage(browsing, enter):
    with browsing() as context:
        forbid = "Object.defineProperty(window, '{}', {{ get() {{ throw new Error('forbidden'); }} }});"
        context.add_init_script(forbid.format("sessionStorage") + forbid.format("localStorage"))
        page = enter(context)
        expect(page.get_by_role("heading", name="Nothing here yet")).to_be_visible()


def test_the_language_is_the_browsers_until_the_user_chooses(demo, browsing, enter, recorded):
    token = demo.token()
    recorded(token)
    with browsing(locale="ko-KR") as context:
        page = enter(context, token)
        expect(page.get_by_role("heading", name="내 녹음")).to_be_visible()
        expect(page.get_by_role("button", name="아리랑 재생")).to_be_visible()
        page.get_by_role("button", name="Show in English").click()
        expect(page.get_by_role("heading", name="Your takes")).to_be_visible()
        expect(page.get_by_role("button", name="Play 아리랑")).to_be_visible()
        expect(page.locator("html")).to_have_attribute("lang", "en")
        page.reload()
        expect(page.get_by_role("heading", name="Your takes")).to_be_visible()


def test_an_invalid_token_returns_to_the_sign_in_form(demo, browsing, enter):
    with browsing() as context:
        page = enter(context, "not.a.token")
        expect(page.get_by_role("alert").filter(has_text="This token is invalid or expired")).to_be_visible()
        page.get_by_label("Access token").fill(f"Bearer {demo.token()}")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Your takes")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("Access token")).to_be_focused()
        assert page.evaluate("sessionStorage.length") == 0


@pytest.mark.parametrize(
    ("name", "explanation"),
    [
        ("NotAllowedError", "The microphone is blocked."),
        ("NotFoundError", "No microphone was found."),
        ("NotReadableError", "Another app is using the microphone."),
    ],
)
def test_the_page_explains_why_the_microphone_is_unavailable(browsing, enter, name, explanation):
    with browsing() as context:
        context.add_init_script(
            f"""
            if (navigator.mediaDevices) {{  // about:blank has none
              navigator.mediaDevices.getUserMedia = async () => {{ throw new DOMException("", "{name}"); }};
            }}
            """
        )
        page = enter(context)
        page.get_by_role("button", name="Start recording").click()
        expect(page.locator("#stage-hint")).to_contain_text(explanation)
        expect(page.get_by_role("button", name="Start recording")).to_be_enabled()


def test_changes_on_another_device_appear_live(demo, browsing, enter, recorded):
    token = demo.token()
    with browsing() as context:
        context.add_init_script(
            """
            window.WebSocket = class extends WebSocket {
              constructor(...parameters) {
                super(...parameters);
                this.addEventListener("open", () => (window.connected = true));
              }
            };
            """
        )
        page = enter(context, token)
        page.wait_for_function("() => window.connected")
        expect(page.get_by_role("heading", name="Nothing here yet")).to_be_visible()
        page.route("**/records/async/me?*", lambda route: route.abort())
        record = recorded(token, "From afar")
        expect(page.get_by_role("button", name="Play From afar")).to_be_enabled()
        with demo.call(token) as orak:
            orak.delete(f"/{record['id']}").raise_for_status()
        expect(page.get_by_role("heading", name="Nothing here yet")).to_be_visible()


def test_the_list_is_polled_where_websockets_are_blocked(browsing, enter, sung):
    with browsing() as context:
        context.route_web_socket("**/live", lambda socket: socket.close())
        page = enter(context)
        page.locator("#files").set_input_files(sung)
        page.get_by_label("Title · first verse.webm").press("Enter")
        expect(page.get_by_role("button", name="Play first verse")).to_be_enabled()


def test_operators_set_the_batch_size_and_replay_dead_letters(demo, browsing, enter, recorded):
    token = demo.token("admin")
    recorded(token, "Noise", b"this is no sound at all")
    with browsing() as context:
        page = enter(context, token, "/operator")
        page.get_by_label("Batch size").fill("77")
        page.keyboard.press("Enter")
        expect(page.get_by_text("Batch size is now 77.")).to_be_visible()
        page.get_by_role("button", name="Start a batch now").click()
        expect(page.get_by_text("Batch started.")).to_be_visible()
        with page.expect_response(lambda answer: answer.url.endswith("/retry")) as again:
            page.get_by_role("button", name=re.compile("Convert upload .* again")).first.click()
        assert again.value.ok
        expect(page.get_by_text(re.compile("is queued again"))).to_be_visible()


def a_hum() -> bytes:
    """Return a second of a square wave."""
    file = BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes((b"\x00\x10" * 20 + b"\x00\xf0" * 20) * 200)
    return file.getvalue()
