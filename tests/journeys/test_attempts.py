"""A node that failed twice and then passed, on its run's page: each attempt with what it saw, wrote and failed with."""

from datetime import datetime

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from tests.journeys import steps
from tests.journeys.conftest import PHONE, OpenPage, Problems
from tests.journeys.test_questions import post
from tests.servers.site import Site

MESSAGE = "Not yet <img src=x onerror=alert(1)>"
FLAKY = {
    "v": 1,
    "name": "Flaky",
    "entry_node": "prepare",
    "nodes": [
        {"node_id": "prepare", "tool": "compute", "config": {"set": {"seen": "n + 1"}}},
        {
            "node_id": "flaky",
            "tool": "fail",
            "config": {"times": 2, "message": MESSAGE},
            "retry": {"max_attempts": 3, "backoff_s": 0.05},
        },
    ],
    "edges": [{"from_node": "prepare", "to_node": "flaky"}],
}


def parts(attempt: Locator) -> dict[str, str]:
    """What an opened attempt shows, by its heading."""
    sections = attempt.locator("[data-part]")
    return {
        str(sections.nth(at).get_attribute("data-part")): sections.nth(at).locator(":scope > :last-child").inner_text()
        for at in range(sections.count())
    }


def times(attempt: Locator) -> list[datetime]:
    found = attempt.locator("time")
    return [datetime.fromisoformat(str(found.nth(at).get_attribute("datetime"))) for at in range(found.count())]


def see_attempts(page: Page) -> None:
    """Three, each opened: two that failed with what they saw, and the one that passed."""
    attempts = page.locator(".attempt")
    expect(attempts).to_have_count(3)
    for at in range(3):
        attempts.nth(at).locator("summary").press("Enter")
    for at in range(2):
        expect(attempts.nth(at).locator("summary")).to_contain_text(f"Attempt {at + 1}failed · ")
        shown = parts(attempts.nth(at))
        assert shown["Error"] == f"ToolError: {MESSAGE}"
        assert '"seen": 2' in shown["Input"]
        assert shown["Output"] == "nothing"
    expect(attempts.last.locator("summary")).to_contain_text("Attempt 3completed · ")
    passed = parts(attempts.last)
    assert '"seen": 2' in passed["Input"]
    assert (passed["Output"], "Error" in passed) == ("{}", False)
    at = [one for attempt in range(3) for one in times(attempts.nth(attempt))]
    assert len(at) == 6
    assert at == sorted(at)
    assert page.locator(".details img").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert Axe().run(page).response["violations"] == []


def test_each_attempt_of_a_node_that_failed_twice_and_then_passed_is_shown(
    live_site: Site, open_page: OpenPage, problems: Problems
) -> None:
    page = open_page()
    steps.start_as_guest(page, live_site.url)
    graph = post(page, "/v1/graphs", FLAKY)["id"]
    run = post(page, "/v1/runs", {"graph": graph, "initial_state": {"n": 1}})["id"]
    page.goto(f"{live_site.url}/runs/{run}/")
    expect(page.locator("#status")).to_have_text("Done", timeout=steps.RUN_ENDS_MS)
    page.get_by_role("button", name="flaky · attempt 3").click()
    see_attempts(page)
    phone = open_page(viewport=PHONE, color_scheme="dark", storage_state=page.context.storage_state())
    phone.goto(page.url)
    phone.get_by_role("button", name="Timeline").click()
    phone.get_by_role("button", name="flaky · attempt 3").click()
    see_attempts(phone)
    assert problems.found == []
