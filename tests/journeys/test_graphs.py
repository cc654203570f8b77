"""A graph drawn from nothing through its outline, broken and mended, run, retried, rolled back; its pages for all."""

import re
import time

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, Route, StorageState, expect

from tests.journeys import steps
from tests.journeys.conftest import PHONE, OpenPage, Problems
from tests.servers.site import Site

SAVED_MS = 60_000


@pytest.fixture(scope="module")
def signed_in(browser: Browser, live_site: Site) -> StorageState:
    """A guest who came in once, for all who draw alone."""
    context = browser.new_context()
    steps.start_as_guest(context.new_page(), live_site.url)
    state = context.storage_state()
    context.close()
    return state


def ready(page: Page) -> None:
    expect(page.locator("html")).to_have_attribute("data-ready", "true", timeout=SAVED_MS)


def draw_from_nothing(page: Page, url: str, name: str) -> None:
    page.goto(f"{url}/graph/")
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Start an empty graph").press("Enter")
    ready(page)


def dialog(page: Page) -> Locator:
    return page.locator("dialog[open]")


def add_node(page: Page, after: str, tool: str, name: str) -> None:
    page.get_by_role("button", name=f"Add a node after {after}").press("Enter")
    dialog(page).get_by_label("Tool").select_option(tool)
    dialog(page).get_by_label("Name").fill(name)
    dialog(page).get_by_label("Name").press("Enter")
    expect(page.locator("#outline").get_by_role("button", name=re.compile(f"^{name} "))).to_be_visible()


def select(page: Page, name: str) -> None:
    page.locator("#outline").get_by_role("button", name=re.compile(f"^{name} ")).first.press("Enter")


def configure(page: Page, name: str, config: str) -> None:
    select(page, name)
    page.locator("#config-0").fill(config)
    page.locator("#config-0").press("Tab")


def expect_saved(page: Page) -> None:
    expect(page.locator("#pill")).to_have_text("Saved", timeout=SAVED_MS)


def run(page: Page, status: str) -> None:
    page.get_by_role("button", name="Run", exact=True).press("Enter")
    dialog(page).get_by_role("button", name="Run").press("Enter")
    page.wait_for_url("**/runs/**")
    expect(page.locator("#status")).to_have_text(status, timeout=steps.RUN_ENDS_MS)


def faults(page: Page) -> list[str]:
    violations = Axe().run(page).response["violations"]
    return [f"{one['id']}: {[node['target'] for node in one['nodes']]}" for one in violations]


@pytest.mark.timeout(240)
def test_a_graph_is_drawn_run_broken_mended_retried_and_rolled_back_by_keyboard(
    live_site: Site, signed_in: StorageState, open_page: OpenPage, problems: Problems
) -> None:
    page = open_page(storage_state=signed_in)
    draw_from_nothing(page, live_site.url, "Count up")
    add_node(page, "start", "compute", "add")
    configure(page, "start", '{"n": 0}')
    configure(page, "add", '{"n": "n + 1"}')
    group_and_take_apart(page)

    page.get_by_role("button", name="Connect add").press("Enter")
    dialog(page).get_by_label("To").select_option(label="add")
    dialog(page).get_by_label("Condition").fill("n <")
    dialog(page).get_by_label("Condition").press("Enter")
    fault = page.locator("#problems").get_by_role("button")
    expect(fault).to_contain_text("column 4", timeout=SAVED_MS)
    fault.press("Enter")
    expect(page.locator("#edge-condition")).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.type(" 5")
    expect(page.locator("#problems")).to_be_hidden(timeout=SAVED_MS)
    assert faults(page) == []

    add_node(page, "add", "fail", "stumble")
    expect_saved(page)
    run(page, "Failed")
    expect(page.locator('.node[data-node-id="add"]')).to_have_attribute("data-status", "completed")
    expect(page.locator('.node[data-node-id="stumble"]')).to_have_attribute("data-status", "failed")
    page.get_by_role("button", name="First failure").press("Enter")
    expect(page.locator("#step-title")).to_have_text("stumble")
    assert faults(page) == []
    failed_run = page.url

    page.get_by_role("link", name="Count up").press("Enter")
    ready(page)
    select(page, "stumble")
    page.locator("#node-tool").select_option("emit")
    page.locator("#config-0").fill("done")
    page.locator("#config-0").press("Tab")
    expect_saved(page)
    page.get_by_role("button", name="Publish").press("Enter")
    dialog(page).get_by_label("What changed").fill("It does not stumble")
    dialog(page).get_by_role("button", name="Publish").press("Enter")
    expect(page.locator("#notices")).to_contain_text("is published", timeout=SAVED_MS)

    page.goto(failed_run)
    page.get_by_role("button", name="Retry").press("Enter")
    expect(page.locator("#details")).to_contain_text("start is reused")
    expect(page.locator("#details")).to_contain_text("Starts with stumble")
    page.get_by_role("button", name="Retry now").press("Enter")
    expect(page.locator("#status")).to_have_text("Done", timeout=steps.RUN_ENDS_MS)
    assert page.url != failed_run

    page.goto(page.url.split("/runs/")[0] + "/graph/")
    page.locator(".session").first.get_by_role("link", name=re.compile(r"^\d+\.\d+\.\d+$")).press("Enter")
    ready(page)
    expect(page.locator("#compare-summary")).to_contain_text("1 node", timeout=SAVED_MS)
    assert faults(page) == []
    page.get_by_role("button", name=re.compile("^Roll back")).first.press("Enter")
    dialog(page).get_by_role("button", name="Roll back").press("Enter")
    expect(page.locator(".session .tag", has_text="Brought back")).to_be_visible(timeout=SAVED_MS)
    assert problems.found == []


def group_and_take_apart(page: Page) -> None:
    page.get_by_role("button", name="Group nodes into a sub-graph").press("Enter")
    for name in ("start", "add"):
        dialog(page).get_by_label(name, exact=True).check()
    assert faults(page) == []
    dialog(page).get_by_role("button", name="Group").press("Enter")
    part = page.locator("#outline").get_by_role("button", name=re.compile("^count-up-part graph Entry"))
    expect(part).to_be_visible(timeout=SAVED_MS)
    expect(page.locator(".node")).to_have_count(1)
    page.get_by_role("button", name="Ungroup").press("Enter")
    expect(page.locator(".node")).to_have_count(2, timeout=SAVED_MS)


@pytest.mark.timeout(180)
def test_nodes_are_moved_connected_deleted_and_brought_back_on_the_canvas(
    live_site: Site, signed_in: StorageState, open_page: OpenPage, problems: Problems
) -> None:
    page = open_page(storage_state=signed_in)
    draw_from_nothing(page, live_site.url, "<img src=x onerror=alert(1)>")
    add_node(page, "start", "emit", "one")
    add_node(page, "start", "emit", "two")
    one, two = (page.locator(f'.node[data-node-id="{name}"]') for name in ("one", "two"))
    select(page, "one")
    expect(page.locator(".edge")).to_have_count(2)
    box, target = one.locator(".box").bounding_box(), two.locator(".box").bounding_box()
    assert box is not None
    assert target is not None
    page.mouse.move(box["x"] + box["width"], box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(target["x"] + 20, target["y"] + 20, steps=4)
    page.mouse.up()
    expect(page.locator(".edge")).to_have_count(3)

    two.focus()
    page.keyboard.press("Alt+ArrowDown")
    expect(page.locator("#outline").get_by_role("button", name=re.compile("^two .*Pinned"))).to_be_visible()
    page.keyboard.press("Delete")
    expect(page.locator(".node")).to_have_count(2)
    expect(page.locator(".edge")).to_have_count(1)
    page.keyboard.press("Control+z")
    expect(page.locator(".node")).to_have_count(3)
    expect(page.locator(".edge")).to_have_count(3)
    expect_saved(page)
    page.reload()
    ready(page)
    expect(page.locator(".node")).to_have_count(3)
    expect(page.locator("#graph-name")).to_have_value("<img src=x onerror=alert(1)>")
    redesign_by_keyboard(page)
    assert problems.found == []


def redesign_by_keyboard(page: Page) -> None:
    """One node without use is taken out, the others stay; what was drawn comes back with one undo."""
    add_node(page, "two", "set_state", "pause")
    expect_saved(page)
    page.get_by_role("button", name="Redesign").press("Enter")
    changes = page.locator("#redesign .change")
    expect(changes).to_have_count(3, timeout=SAVED_MS)
    page.get_by_role("button", name="Ask a model for more").press("Enter")
    expect(page.locator("#redesign")).to_contain_text("No model is configured", timeout=steps.RUN_ENDS_MS)
    expect(changes).to_have_count(3)
    expect(page.locator('.node[data-node-id="one"]')).to_have_attribute("data-diff", "removed")
    expect(page.locator("#outline").get_by_role("button", name=re.compile("^one .*removed"))).to_be_visible()
    changes.first.focus()
    page.keyboard.press("a")
    expect(changes.first).to_have_attribute("data-status", "accepted")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("r")
    expect(changes.nth(1)).to_have_attribute("data-status", "rejected")
    expect(changes.nth(1)).to_be_focused()
    assert faults(page) == []
    page.get_by_role("button", name="Save 1 as a draft").press("Enter")
    expect(page.locator(".node")).to_have_count(3)
    expect(page.locator("#outline").get_by_role("button", name=re.compile("^two .*Pinned"))).to_be_visible()
    expect_saved(page)
    page.keyboard.press("Control+z")
    expect(page.locator(".node")).to_have_count(4)
    expect_saved(page)


@pytest.mark.timeout(240)
def test_what_is_decided_of_a_redesign_while_a_model_is_asked_stays(
    live_site: Site, signed_in: StorageState, open_page: OpenPage, problems: Problems
) -> None:
    page = open_page(storage_state=signed_in)
    draw_from_nothing(page, live_site.url, "Decided meanwhile")
    add_node(page, "start", "set_state", "pause")
    add_node(page, "start", "set_state", "rest")
    expect_saved(page)
    page.get_by_role("button", name="Redesign").press("Enter")
    changes = page.locator("#redesign .change")
    expect(changes.first).to_have_attribute("data-status", "open", timeout=SAVED_MS)
    held: list[Route] = []
    page.route("**/v1/runs", lambda route: held.append(route))
    page.get_by_role("button", name="Ask a model for more").press("Enter")
    expect(page.get_by_role("button", name="A model is asked…")).to_be_disabled()
    page.get_by_role("button", name=re.compile("^Accept change 1")).press("Enter")
    expect(changes.first).to_have_attribute("data-status", "accepted")
    held[0].continue_()
    expect(page.get_by_role("button", name="Open its redesign")).to_be_visible(timeout=steps.RUN_ENDS_MS)
    expect(changes.first).to_have_attribute("data-status", "accepted")
    page.get_by_role("button", name="Open its redesign").press("Enter")
    expect(page.locator("#redesign")).to_contain_text("No model is configured")
    expect(changes.first).to_have_attribute("data-status", "open")
    assert problems.found == []


def test_the_gallery_opens_a_copy_and_all_pages_serve_dark_screens_and_phones(
    live_site: Site, signed_in: StorageState, open_page: OpenPage, problems: Problems
) -> None:
    page = open_page(viewport=PHONE, color_scheme="dark", storage_state=signed_in)
    page.goto(f"{live_site.url}/graph/")
    assert faults(page) == []
    page.get_by_role("button", name="Open a copy of Code review").click()
    ready(page)
    expect(page.locator("#outline").get_by_role("button", name=re.compile("^extract "))).to_be_visible()
    assert faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.get_by_role("button", name="Canvas").click()
    expect(page.locator('.node[data-node-id="extract"]')).to_be_visible()
    assert faults(page) == []
    assert problems.found == []


def wait_until_drawn_alike(one: Page, other: Page) -> None:
    """Until both see every node at the same place."""
    places = (
        "() => [...document.querySelectorAll('.node')].map((n) => n.dataset.nodeId + n.style.transform).sort().join()"
    )
    deadline = time.monotonic() + 60
    while one.evaluate(places) != other.evaluate(places):
        assert time.monotonic() < deadline, (one.evaluate(places), other.evaluate(places))
        one.wait_for_timeout(50)


@pytest.mark.timeout(240)
def test_two_people_draw_one_graph_at_once_break_it_mend_it_and_retry_its_failed_run(
    live_site: Site, open_page: OpenPage, problems: Problems
) -> None:
    ana, ben = open_page(), open_page()
    steps.start_as_guest(ana, live_site.url, "Ana Berg")
    draw_from_nothing(ana, live_site.url, "Drawn by two")
    ana.get_by_role("button", name="Invite").click()
    ana.get_by_role("button", name="Make a link").click()
    link = ana.locator("dialog input[readonly]").first.input_value()
    ana.get_by_role("button", name="Done").click()

    ben.goto(link)
    ben.get_by_label("Your name").fill("Ben Ode")
    ben.get_by_role("button", name="Join").click()
    expect(ben.locator("html")).to_have_attribute("data-together", "true", timeout=SAVED_MS)
    expect(ana.locator("#people")).to_contain_text("BO")
    add_node(ana, "start", "emit", "hers")
    add_node(ben, "start", "emit", "his")
    for page in (ana, ben):
        expect(page.locator(".node")).to_have_count(3, timeout=SAVED_MS)

    wait_until_drawn_alike(ana, ben)

    # One deletes what the other connects to, at the same time: no edge to nowhere is left, and undo brings both back.
    select(ben, "hers")
    expect(ana.locator('.node[data-node-id="hers"]')).to_have_attribute("aria-label", re.compile("Ben Ode is here"))
    ben.get_by_role("button", name="Connect his").press("Enter")
    dialog(ben).get_by_label("To").select_option(label="hers")
    ana.get_by_role("button", name="Delete hers").press("Enter")
    expect(ben.locator(".node")).to_have_count(2, timeout=SAVED_MS)
    dialog(ben).get_by_role("button", name="Connect").press("Enter")
    expect(ben.locator(".edge")).to_have_count(1)
    ana.locator("#outline").get_by_role("button", name=re.compile("^start ")).focus()
    ana.keyboard.press("Control+z")
    for page in (ana, ben):
        expect(page.locator(".node")).to_have_count(3, timeout=SAVED_MS)
        expect(page.locator(".edge")).to_have_count(3, timeout=SAVED_MS)

    # She breaks it, he runs it and both see it fail; she mends it, and he goes on with the run on the mended version.
    configure(ben, "his", "from Ben")
    expect_saved(ben)
    select(ana, "hers")
    ana.locator("#node-tool").select_option("fail")
    expect_saved(ana)
    expect(ben.locator("#outline").get_by_role("button", name=re.compile("^hers fail"))).to_be_visible(timeout=SAVED_MS)
    select(ben, "start")
    expect(ben.locator("#problems")).to_be_hidden(timeout=SAVED_MS)
    run(ben, "Failed")
    expect(ana.locator("#notices")).to_contain_text("Ben Ode published version", timeout=SAVED_MS)
    expect(ben.locator('.node[data-node-id="hers"]')).to_have_attribute("data-status", "failed")
    failed = ben.url
    ana.locator("#node-tool").select_option("emit")
    ana.locator("#config-0").fill("from Ana")
    ana.locator("#config-0").press("Tab")
    expect_saved(ana)
    ana.get_by_role("button", name="Publish").press("Enter")
    dialog(ana).get_by_role("button", name="Publish").press("Enter")
    expect(ana.locator("#notices")).to_contain_text("is published", timeout=SAVED_MS)
    ana.goto(failed)
    expect(ana.locator("#status")).to_have_text("Failed", timeout=SAVED_MS)
    ben.get_by_role("button", name="Retry").press("Enter")
    ben.get_by_role("button", name="Retry now").press("Enter")
    expect(ben.locator("#status")).to_have_text("Done", timeout=steps.RUN_ENDS_MS)
    assert ben.url != failed
    expect(ben.locator('.node[data-node-id="hers"]')).to_have_attribute("data-status", "completed")
    ana.goto(ben.url)
    expect(ana.locator("#status")).to_have_text("Done", timeout=SAVED_MS)
    assert problems.found == []
