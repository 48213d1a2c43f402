"""axe-core finds no violation in any view, language or colour scheme."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect


@pytest.fixture(scope="session")
def axe():
    return Axe()


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
@pytest.mark.parametrize("locale", ["ko-KR", "en-US"])
def test_no_view_has_accessibility_violations(
    demo, browsing, enter, recorded, sung, axe, locale, color_scheme
):
    token, operator = demo.token(), demo.token("admin")

    def check(page, view):
        found = axe.run(page).response["violations"]
        violations = [(one["id"], [node["html"] for node in one["nodes"]]) for one in found]
        assert violations == [], view

    with browsing(locale=locale, color_scheme=color_scheme, reduced_motion="reduce") as context:
        page = context.new_page()
        page.goto(demo.url)
        expect(page.locator("#token")).to_be_visible()
        check(page, "door")
        page.close()

        page = enter(context, token)
        expect(page.locator("#takes-state h3")).to_be_visible()
        check(page, "empty")
        page.locator("#record").click()
        expect(page.locator("#record")).to_have_attribute("data-state", "recording")
        expect(page.locator("#timer")).to_have_text("0:01")
        check(page, "recording")
        page.locator("#pause").click()
        check(page, "paused")
        page.locator("#record").click()
        expect(page.locator(".arrival .solid")).to_be_visible()
        page.locator("#files").set_input_files(sung)
        check(page, "arrivals")
        page.close(run_before_unload=False)

        recorded(token)
        recorded(token, "Noise", b"this is no sound at all")
        page = enter(context, token)
        expect(page.locator(".rescue")).to_be_visible()
        expect(page.get_by_role("slider")).to_be_visible()
        check(page, "shelf")
        page.locator(".rescue .outlined").click()
        expect(page.get_by_role("dialog")).to_be_visible()
        check(page, "question")
        page.keyboard.press("Escape")
        page.locator(".take-actions button").first.click()
        check(page, "renaming")
        page.keyboard.press("Escape")
        page.locator(".take-remove").first.click()
        expect(page.locator(".notice")).to_be_visible()
        check(page, "undo")

        page = enter(context, token, "/operator")
        expect(page.locator("#not-for-you")).to_be_visible()
        check(page, "not for you")
        page = enter(context, operator, "/operator")
        expect(page.locator("#board")).to_be_visible()
        check(page, "operators")
