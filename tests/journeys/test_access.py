"""Everyone can use it: axe in both themes, widths from 320 px, and a strict security policy that nothing violates."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.journeys import steps
from tests.journeys.conftest import DESKTOP, PHONE, OpenPage, Problems
from tests.servers.site import Site

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
NARROW = {"width": 320, "height": 640}


def violations(page: Page) -> list[str]:
    found = Axe().run(page, options=RULES).response["violations"]
    return [f"{each['id']}: {node['html'][:160]}" for each in found for node in each["nodes"]]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_pages_have_no_violations(live_site: Site, open_page: OpenPage, theme: str) -> None:
    page = open_page(color_scheme=theme)
    seen = {}
    page.goto(live_site.url)
    seen["welcome"] = violations(page)
    page.goto(f"{live_site.url}/nothing/here")
    seen["error"] = violations(page)
    steps.start_as_guest(page, live_site.url)
    seen["home, empty"] = violations(page)
    steps.open_sample(page, live_site.url)
    seen["workspace"] = violations(page)
    steps.send(page)
    steps.wait_for_hunks(page)
    seen["workspace with a review"] = violations(page)
    page.locator(".hunk").first.get_by_role("button", name="Accept").click()
    expect(page.locator('.hunk[data-status="accepted"]')).to_have_count(1)
    page.locator("#conversation").focus()
    page.keyboard.press("?")
    seen["sheet of keys"] = violations(page)
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    seen["palette"] = violations(page)
    page.goto(live_site.url)
    seen["home"] = violations(page)
    assert {place: found for place, found in seen.items() if found} == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_report_has_no_violations(live_site: Site, open_page: OpenPage, theme: str) -> None:
    page = open_page(color_scheme=theme)
    steps.open_sample(page, live_site.url, "A deploy script to review")
    steps.send(page)
    steps.wait_for_outcome(page)
    expect(page.locator("#review .report")).to_be_visible()
    assert violations(page) == []


def overflow(page: Page) -> int:
    width: int = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return width


@pytest.mark.parametrize("viewport", [NARROW, PHONE, {"width": 768, "height": 1024}, DESKTOP], ids=str)
def test_no_page_scrolls_sideways(live_site: Site, open_page: OpenPage, viewport: dict[str, int]) -> None:
    page = open_page(viewport=viewport)
    page.goto(live_site.url)
    seen = {"welcome": overflow(page)}
    steps.start_as_guest(page, live_site.url, "A person with a rather long name")
    seen["home, empty"] = overflow(page)
    steps.open_sample(page, live_site.url)
    seen["workspace"] = overflow(page)
    expect(page.locator("#pill")).to_be_in_viewport(ratio=1)
    page.goto(live_site.url)
    seen["home"] = overflow(page)
    assert {place: width for place, width in seen.items() if width > 0} == {}


def test_the_main_job_fits_a_phone(live_site: Site, open_page: OpenPage, problems: Problems) -> None:
    page = open_page(viewport=PHONE, has_touch=True, is_mobile=True)
    steps.open_sample(page, live_site.url)
    tabs = page.get_by_role("navigation", name="Panels")
    expect(page.get_by_label("What do you want?")).to_be_visible()
    steps.send(page)
    page.get_by_role("button", name="Review 8 hunks").tap(timeout=steps.RUN_ENDS_MS)
    page.locator(".hunk").first.get_by_role("button", name="Accept").tap()
    expect(page.locator('.hunk[data-status="accepted"]')).to_have_count(1)
    tabs.get_by_role("button", name="Code").tap()
    expect(page.locator(".cm-content")).not_to_contain_text("import os, sys")
    assert overflow(page) <= 0
    assert problems.found == []


TARGETS = """() => [...document.querySelectorAll("button, a, input, select, textarea, summary")]
  .filter((e) => e.checkVisibility() && !e.closest(".cm-editor, .visually-hidden, .skip"))
  .map((e) => [e.innerText || e.ariaLabel || e.id, e.getBoundingClientRect()])
  .filter(([, box]) => box.height > 0 && box.height < 43.5 && box.width > 0)
  .map(([name, box]) => `${name} ${Math.round(box.height)}`)"""


def test_touch_targets_on_a_phone_are_large_enough(live_site: Site, open_page: OpenPage) -> None:
    page = open_page(viewport=PHONE, has_touch=True, is_mobile=True)
    steps.open_sample(page, live_site.url)
    steps.send(page)
    page.get_by_role("button", name="Review 8 hunks").tap(timeout=steps.RUN_ENDS_MS)
    assert page.evaluate(TARGETS) == []
    page.get_by_role("button", name="Chat").tap()
    assert page.evaluate(TARGETS) == []


def test_no_flash_of_the_wrong_theme(live_site: Site, open_page: OpenPage) -> None:
    page = open_page(color_scheme="light")
    page.context.add_cookies([{"name": "theme", "value": "dark", "url": live_site.url}])
    response = page.request.get(live_site.url)
    assert 'data-theme="dark"' in response.text()


def test_the_policy_allows_no_inline_script_or_style_and_no_other_host(live_site: Site, open_page: OpenPage) -> None:
    policy = open_page().request.get(live_site.url).headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "default-src 'none'" in policy
