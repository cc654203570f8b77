"""The end of a run is the end of all that its page shows of it."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.journeys import steps
from tests.journeys.conftest import PHONE, OpenPage, Problems
from tests.journeys.test_questions import post
from tests.servers.site import Site

WAITS = {
    "sleeps": {"node_id": "rest", "tool": "sleep", "config": {"seconds": 3600}, "timeout_s": 7200},
    "asks": {"node_id": "rest", "tool": "ask_human", "config": {"question": "How many?", "write": "n"}},
    "tries_again": {
        "node_id": "rest",
        "tool": "fail",
        "retry": {"max_attempts": 2, "backoff_s": 3600, "backoff_max_s": 3600, "jitter": False},
    },
}


def start_run(page: Page, site: Site, rest: dict[str, object]) -> None:
    """A run whose last node waits, on its page."""
    graph = post(
        page,
        "/v1/graphs",
        {
            "v": 1,
            "name": "Waits",
            "entry_node": "begin",
            "nodes": [{"node_id": "begin", "tool": "set_state", "config": {"values": {"n": 0}}}, rest],
            "edges": [{"from_node": "begin", "to_node": "rest"}],
        },
    )
    run = post(page, "/v1/runs", {"graph": graph["slug"], "initial_state": {}})
    page.goto(f"{site.url}/runs/{run['id']}/")
    expect(page.locator("html")).to_have_attribute("data-ready", "true")


def test_on_a_phone_a_graphs_bar_has_its_actions_in_one_row_and_a_lists_buttons_stand_apart(
    live_site: Site, open_page: OpenPage
) -> None:
    page = open_page(viewport=PHONE)
    steps.start_as_guest(page, live_site.url)
    start_run(page, live_site, WAITS["sleeps"])
    page.goto(page.url.split("/runs/")[0] + "/graph/refine_code/")
    expect(page.locator("html")).to_have_attribute("data-ready", "true")
    tops = [page.locator(name).bounding_box() for name in ("#run", ".bar button.primary", "#theme")]
    assert len({box["y"] + box["height"] / 2 for box in tops if box}) == 1
    page.goto(live_site.url)
    steps.open_session(page, "x = 1\n")
    session = page.url.split("/")[4].split("?")[0]
    for name in ("ben", "cleo"):
        post(page, f"/v1/sessions/{session}/members", {"user": name, "role": "editor"})
    page.locator("#share").click()
    buttons = page.get_by_role("button", name="Withdraw")
    expect(buttons).to_have_count(2)
    first, second = (buttons.nth(n).bounding_box() for n in range(2))
    assert first
    assert second
    assert second["y"] - first["y"] - first["height"] >= 8


def expect_over(page: Page) -> None:
    expect(page.locator("#status")).to_have_text("Stopped", timeout=steps.RUN_ENDS_MS)
    expect(page.locator('.node[data-node-id="rest"]')).to_have_attribute("data-status", "stopped")
    expect(page.locator("#timeline .step").last).to_have_attribute("data-status", "stopped")
    expect(page.locator("main .spin")).to_have_count(0)


@pytest.mark.parametrize("rest", WAITS.values(), ids=WAITS)
def test_a_run_that_is_stopped_while_its_node_waits_shows_nothing_at_work(
    live_site: Site, open_page: OpenPage, problems: Problems, rest: dict[str, object]
) -> None:
    page = open_page()
    steps.start_as_guest(page, live_site.url)
    start_run(page, live_site, rest)
    node = page.locator('.node[data-node-id="rest"]')
    expect(node).to_have_attribute("data-status", re.compile("started|waiting"))
    node.press("Enter")
    facts = page.locator("#details > .facts")
    expect(facts).to_contain_text("Statusstarted")
    page.get_by_role("button", name="Stop").click()
    expect_over(page)
    expect(facts).to_contain_text("Statusstopped")
    expect(page.locator("#details > .field-error")).to_contain_text("was stopped because its run ended")
    page.reload()
    expect_over(page)
    assert problems.found == []


CENTRES = """() => {
  const icon = document.querySelector(".node .icon.spin > use");
  const [turning] = icon.getAnimations();
  turning.pause();
  return [0, 125, 250, 500, 875].map((at) => {
    turning.currentTime = at;
    const box = icon.getBoundingClientRect();
    return [box.x + box.width / 2, box.y + box.height / 2];
  });
}"""


def test_what_spins_on_a_node_turns_round_its_own_middle(live_site: Site, open_page: OpenPage) -> None:
    page = open_page(reduced_motion="no-preference")
    steps.start_as_guest(page, live_site.url)
    start_run(page, live_site, WAITS["sleeps"])
    expect(page.locator(".node .icon.spin")).to_be_visible()
    first, *others = page.evaluate(CENTRES)
    assert others == [pytest.approx(first, abs=1)] * 4
    page.get_by_role("button", name="Stop").click()
    expect_over(page)


@pytest.mark.parametrize(
    ("system", "chosen", "exported"), [("dark", None, "dark"), ("light", "dark", "dark"), ("dark", "light", "light")]
)
def test_a_drawing_is_exported_in_the_theme_that_is_seen(
    live_site: Site, open_page: OpenPage, system: str, chosen: str | None, exported: str
) -> None:
    page = open_page(color_scheme=system)
    steps.start_as_guest(page, live_site.url)
    if chosen:
        page.context.add_cookies([{"name": "theme", "value": chosen, "url": live_site.url}])
    page.goto(f"{live_site.url}/graph/refine_code/")
    expect(page.locator("html")).to_have_attribute("data-ready", "true")
    page.locator("#toolbar summary").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="PNG").click()
    assert f"theme={exported}" in download.value.url
