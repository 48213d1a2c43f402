"""Screenshots of every state for the documentation (`just screenshots`), with fixed times and data."""

import os
from base64 import b64encode
from pathlib import Path

import pytest
from playwright.sync_api import expect

from orak.domain.processing import FailureCode
from orak.entrypoints.http.answers.languages import Language
from orak.entrypoints.http.answers.messages import failure_text
from screen_sizes import NARROW, WIDE

FOLDER = os.environ["ORAK_SCREENSHOTS"]
BEGAN = "2026-03-01T03:00:00Z"
MOMENTS = 60
"""Number of level readings until the bars reach the edges of the picture."""


@pytest.fixture(params=[("ko-KR", "light"), ("en-US", "dark")], ids=["ko-light", "en-dark"])
def words(request):
    return request.param


@pytest.fixture(params=[WIDE, NARROW], ids=["1280", "360"])
def size(request):
    return request.param


@pytest.fixture
def language(words):
    return Language(words[0][:2])


@pytest.fixture
def shown(browsing, words, size):
    """Return a context and a function that saves a screenshot."""
    locale, color_scheme = words
    with browsing(
        locale=locale,
        color_scheme=color_scheme,
        viewport=size,
        reduced_motion="reduce",
        device_scale_factor=1,
    ) as context:

        def take(page, state):
            page.mouse.move(0, 0)
            page.evaluate("document.fonts.ready")
            page.evaluate("Promise.allSettled(document.getAnimations().map(({ finished }) => finished))")
            name = f"page-{state}-{size['width']}-{locale[:2]}-{color_scheme}.png"
            page.screenshot(path=Path(FOLDER) / name, animations="disabled", caret="hide")

        yield context, take


def show_takes(page, record, language):
    """Show the page four takes, based on *record*, at a fixed time."""
    page.clock.set_fixed_time(BEGAN)
    others = [
        {
            "id": record["id"] + 1,
            "title": "봄날, 둘째 절",
            "processingStatus": "PROCESSING",
            "progress": 62,
            "publicUrl": None,
        },
        {
            "id": record["id"] - 1,
            "title": "Moon River, slowly this time and all the way to the end",
            "durationSeconds": 187,
        },
        {
            "id": record["id"] - 2,
            "title": "밤편지",
            "processingStatus": "FAILED",
            "publicUrl": None,
            "failure": failure(FailureCode.NO_AUDIO_STREAM, language),
        },
    ]
    takes = sorted(
        (record | other | {"createdAt": "2026-02-27T11:30:00Z"} for other in [{}, *others]),
        key=lambda take: -take["id"],
    )
    page.route("**/records/async/me?*", lambda route: route.fulfill(json=takes))


def failure(code, language):
    retryable = code is FailureCode.CORRUPT  # on the operators' page
    return {"code": code, "message": failure_text(code, language), "retryable": retryable}


def opened(context, demo, token, path="/"):
    page = context.new_page()
    page.clock.set_fixed_time(BEGAN)
    page.goto(f"{demo.url}{path}" + (f"#token={token}" if token else ""))
    return page


def play_five_seconds(page):
    """Play and pause the first take, and seek to its fifth second."""
    page.locator(".take-play:not([disabled])").first.click()
    expect(page.locator(".take-play.playing")).to_be_visible()
    page.locator(".take-play.playing").click()
    page.locator(".wave").press("Home")
    page.locator(".wave").press("ArrowRight")
    expect(page.locator(".wave")).to_have_attribute("aria-valuenow", "5")
    page.locator("#takes").scroll_into_view_if_needed()


def test_sign_in(demo, shown):
    context, take = shown
    page = opened(context, demo, None)
    expect(page.locator("#token")).to_be_visible()
    take(page, "door")


def test_an_empty_list(demo, shown):
    context, take = shown
    page = opened(context, demo, demo.token())
    expect(page.locator("#takes-state h3")).to_be_visible()
    take(page, "empty")


def test_the_list_and_its_player(demo, shown, recorded, language):
    context, take = shown
    token = demo.token()
    record = recorded(token)
    page = context.new_page()
    show_takes(page, record, language)
    page.goto(f"{demo.url}#token={token}")
    play_five_seconds(page)
    take(page, "shelf")
    page.locator(".take-actions button").first.click()
    take(page, "renaming")
    page.keyboard.press("Escape")
    page.locator(".take-remove").first.click()
    expect(page.locator(".notice")).to_be_visible()
    take(page, "undo")


def test_the_picture_of_the_readme(demo, browsing, recorded):
    """The list in English on a desktop and on a phone, side by side."""
    token = demo.token()
    record, pictures = recorded(token), []
    for size in (WIDE | {"height": NARROW["height"]}, NARROW):
        with browsing(viewport=size, reduced_motion="reduce") as context:
            page = context.new_page()
            show_takes(page, record, Language("en"))
            page.goto(f"{demo.url}#token={token}")
            play_five_seconds(page)
            page.evaluate("document.activeElement.blur()")
            page.mouse.move(0, 0)
            page.evaluate("document.fonts.ready")
            picture = page.screenshot(animations="disabled", caret="hide")
            pictures.append(f"data:image/png;base64,{b64encode(picture).decode()}")
    with browsing(viewport={"width": 1760, "height": 820}) as context:
        page = context.new_page()
        page.set_content(f"""
            <style>
              body {{ margin: 0; padding: 40px; display: flex; gap: 40px; background: #ddd6c6; }}
              img {{ display: block; border-radius: 14px; box-shadow: 0 2px 6px #0004; }}
            </style>
            <img src="{pictures[0]}"><img src="{pictures[1]}">""")
        page.screenshot(path=Path(FOLDER) / "page.png")


def test_recording_and_naming(demo, shown):
    context, take = shown
    context.add_init_script(
        # The same level readings each time. They and the clock stop after 75 seconds.
        f"""
        window.moment = 0;
        AnalyserNode.prototype.getFloatTimeDomainData = function (samples) {{
          moment += 1;
          samples.fill(0.35 + 0.3 * Math.sin(moment / 5));
          if (moment < {MOMENTS}) return;
          window.requestAnimationFrame = () => 0;
          document.body.dataset.still = "";
        }};
        performance.now = () => 1000 + 75_000 * (moment > 0);
        window.Date = class extends Date {{
          static now = () => Date.parse("{BEGAN}");
          constructor(...given) {{ super(...(given.length ? given : ["{BEGAN}"])); }}
        }};
        """
    )
    page = context.new_page()
    page.emulate_media(reduced_motion="no-preference")
    page.goto(f"{demo.url}#token={demo.token()}")
    page.locator("#record").click()
    expect(page.locator("#record")).to_have_attribute("data-state", "recording")
    expect(page.locator("body[data-still]")).to_have_count(1)
    take(page, "recording")
    page.emulate_media(reduced_motion="reduce")  # the bar would be animated
    page.locator("#record").click()
    expect(page.locator(".arrival")).to_be_visible()
    page.locator(".arrival input").fill("아리랑, 첫 소절")
    expect(page.locator(".arrival progress")).to_have_attribute("value", "1")
    take(page, "naming")


def test_errors(demo, shown, sung):
    context, take = shown
    context.add_init_script(
        """
        if (navigator.mediaDevices) {  // about:blank has none
          const refuse = () => { throw new DOMException("", "NotAllowedError"); };
          navigator.mediaDevices.getUserMedia = async () => refuse();
        }
        """
    )
    context.route("**/storage/**", lambda route: route.fulfill(status=403))
    page = opened(context, demo, demo.token())
    page.locator("#record").click()
    expect(page.locator("#stage-hint.problem")).to_be_visible()
    take(page, "refused")
    words = sung.with_name("words.txt")
    words.write_text("na-na-na")
    page.locator("#files").set_input_files([words, sung])
    expect(page.locator(".arrival .problem:not(:empty)")).to_have_count(2)
    page.locator("#arrivals").scroll_into_view_if_needed()
    take(page, "failed")


def test_a_paused_recording(demo, shown):
    context, take = shown
    page = opened(context, demo, demo.token())
    page.locator("#record").click()
    expect(page.locator("#record")).to_have_attribute("data-state", "recording")
    page.locator("#pause").click()
    expect(page.locator("#record")).to_have_attribute("data-state", "paused")
    take(page, "paused")


def test_an_unfinished_take(demo, shown):
    context, take = shown
    token = demo.token()
    page = context.new_page()
    page.goto(f"{demo.url}#token={token}")
    page.locator("#record").click()
    expect(page.locator("#timer")).to_have_text("0:03")
    page.close(run_before_unload=False)
    page = opened(context, demo, token)
    expect(page.locator(".rescue")).to_be_visible()
    take(page, "unfinished")
    page.locator(".rescue .outlined").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    take(page, "question")


def test_the_operators_page(demo, shown, language):
    context, take = shown
    page = context.new_page()
    page.clock.install(time=BEGAN)
    readings = iter(range(1000))

    def statistics(route):
        at = next(readings)
        route.fulfill(
            json={
                "activeJobs": min(4, at % 7),
                "maxConcurrentJobs": 4,
                "processingCount": 4,
                "failedCount": 2,
                "completedCount": 12_480 + 3 * at,
                "batchEnabled": True,
                "queueDepth": max(0, 44 + (at * 17) % 23 - at),
                "waitingUsers": 11,
                "batchSize": 50,
                "orphanCount": 1,
                "oldestWaitingSeconds": 40 + (at * 13) % 31,
                "relays": [],
            }
        )

    standing = {
        "uploadId": 4711,
        "recordId": 12,
        "userId": 42,
        "fileSize": 2_345_678,
        "createdAt": "2026-02-27T11:30:00Z",
        "errorMessage": None,
        "failure": failure(FailureCode.CORRUPT, language),
    }
    page.route("**/batch/statistics", statistics)
    page.route(
        "**/batch/failures?*", lambda route: route.fulfill(json=[standing, standing | {"uploadId": 4699}])
    )
    page.route(
        "**/batch/orphans?*",
        lambda route: route.fulfill(json=[standing | {"uploadId": 4650, "failure": None}]),
    )
    page.goto(f"{demo.url}/operator#token={demo.token('admin')}")
    expect(page.locator(".standing")).to_have_count(3)
    for _ in range(40):
        with page.expect_response("**/batch/statistics"):
            page.clock.run_for(2000)
    page.wait_for_function(
        "() => document.querySelector('.spark-line').getAttribute('d').split('L').length > 40"
    )
    take(page, "operators")
    page = opened(context, demo, demo.token(), "/operator")
    expect(page.locator("#not-for-you")).to_be_visible()
    take(page, "not-for-you")
