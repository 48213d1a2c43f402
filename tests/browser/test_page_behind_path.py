"""The pages below a path, behind the proxies of the guide."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from demo_server import Server, a_serve
from proxies import a_proxy, free_port


@pytest.fixture(scope="module", params=["nginx", "caddy strips"])
def demo(request, tmp_path_factory):
    """`orak serve` behind a proxy; the fixtures of the other tests use it in place of the demo."""
    port, own = free_port(), free_port()
    url = f"http://127.0.0.1:{port}/orak"
    settings = {
        "PUBLIC_URL": url,
        "ORAK_PORT": str(own),
        "ORAK_DATA_DIR": str(tmp_path_factory.mktemp("serve")),
    }
    with a_serve(settings), a_proxy(request.param, port, own):
        yield Server(url)


def test_a_take_is_recorded_converted_live_and_played(demo, browsing, enter):
    with browsing() as context:
        page = enter(context)
        expect(page.get_by_role("heading", name="Nothing here yet")).to_be_visible()
        page.get_by_role("button", name="Start recording").click()
        expect(page.get_by_role("timer")).to_have_text("0:01")
        page.get_by_role("button", name="Stop and name the take").click()
        page.get_by_role("textbox").fill("Below a path")
        page.get_by_role("button", name="Save").click()
        page.get_by_role("button", name="Play Below a path").click()
        slider = page.get_by_role("slider", name="Position in Below a path")
        expect(slider).not_to_have_attribute("aria-valuenow", "0")
        assert page.url == f"{demo.url}/"


def test_a_file_is_uploaded_and_shown_when_it_is_converted(browsing, enter, sung):
    with browsing() as context:
        page = enter(context)
        with page.expect_websocket(lambda socket: "/orak/records/async/live" in socket.url):
            page.locator("#files").set_input_files(sung)
        page.get_by_label("Title · first verse.webm").press("Enter")
        expect(page.get_by_role("button", name="Play first verse")).to_be_enabled()


def test_operators_find_their_page_and_the_way_back(demo, browsing, enter):
    with browsing() as context:
        page = enter(context, demo.token("admin"))
        page.get_by_role("link", name="Operators").click()
        expect(page).to_have_url(f"{demo.url}/operator")
        expect(page.get_by_role("heading", name="Conversion status")).to_be_visible()
        page.get_by_role("link", name="Studio").first.click()
        expect(page.get_by_role("button", name="Start recording")).to_be_visible()


def test_the_api_can_be_tried_from_its_documentation(demo, browsing):
    with browsing() as context:
        context.set_default_timeout(60_000)  # Swagger UI draws every operation, which takes a while
        page = context.new_page()
        page.goto(f"{demo.url}/docs#/health/getLiveness")
        page.get_by_role("button", name="Try it out").click()
        with page.expect_response(lambda answer: answer.url.endswith("/orak/health/live")) as answer:
            page.get_by_role("button", name="Execute").click()
        assert answer.value.ok


def test_the_client_calls_the_configured_url(demo, browsing):
    with browsing() as context:
        page = context.new_page()
        page.goto(f"{demo.url}/health/live")
        found = page.evaluate(
            """async ([path, token]) => {
              const { Api, configure } = await import(`${path}/client/index.js`);
              configure({ baseUrl: path, token });
              return new Api().json("GET", "/me");
            }""",
            [urlsplit(demo.url).path, demo.token()],
        )
        assert found == []
