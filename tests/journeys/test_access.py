"""Everyone can use it: axe in both themes, widths from 320 px, and a strict security policy that nothing violates."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.journeys import steps
from tests.journeys.conftest import DESKTOP, PHONE, OpenPage, Problems
from tests.servers.site import Site

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
OF_COLOUR = {"runOnly": ["color-contrast", "link-in-text-block"]}
"""What a theme can do wrong."""
FADED = """() => Promise.all(document.getAnimations().filter((each) => each instanceof CSSTransition)
  .map((each) => each.finished.catch(() => {})))"""
"""When no colour is on its way to another any more."""
NARROW = {"width": 320, "height": 640}
WIDTHS = [NARROW, PHONE, {"width": 768, "height": 1024}, DESKTOP]


def violations(page: Page) -> list[str]:
    """In the light theme by all rules, and in the dark one by those of colours."""
    found = []
    for theme, rules in (("light", RULES), ("dark", OF_COLOUR)):
        page.emulate_media(color_scheme=theme)
        page.evaluate(FADED)
        found += [(theme, each) for each in Axe().run(page, options=rules).response["violations"]]
    page.emulate_media(color_scheme="light")
    return [f"{theme}: {each['id']}: {node['html'][:160]}" for theme, each in found for node in each["nodes"]]


def test_the_pages_have_no_violations_in_either_theme(live_site: Site, open_page: OpenPage) -> None:
    page = open_page(color_scheme="light")
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
    steps.open_sample(page, live_site.url, "A deploy script to review")
    steps.send(page)
    steps.wait_for_outcome(page)
    expect(page.locator("#review .report")).to_be_visible()
    seen["report"] = violations(page)
    assert {place: found for place, found in seen.items() if found} == {}


FITS = "document.documentElement.scrollWidth <= window.innerWidth"


def overflow(page: Page) -> int:
    width: int = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return width


def too_wide(page: Page, place: str, *, shown_whole: str | None = None) -> list[str]:
    """The widths at which a page scrolls sideways; what is to be shown whole is, at each."""
    found = []
    for size in WIDTHS:
        page.set_viewport_size(size)  # type: ignore[arg-type]
        if shown_whole is not None:
            expect(page.locator(shown_whole)).to_be_in_viewport(ratio=1)
        # A layout that is on its way to this width is none yet.
        if not steps.wait_until(page, FITS, within_s=30):
            found.append(f"{place} at {size['width']}: by {overflow(page)}")
    return found


def test_no_page_scrolls_sideways(live_site: Site, open_page: OpenPage) -> None:
    page = open_page(viewport=NARROW)
    page.goto(live_site.url)
    found = too_wide(page, "welcome")
    steps.start_as_guest(page, live_site.url, "A person with a rather long name")
    found += too_wide(page, "home, empty")
    steps.open_sample(page, live_site.url)
    found += too_wide(page, "workspace", shown_whole="#pill")
    page.goto(live_site.url)
    found += too_wide(page, "home")
    assert found == []


TARGETS = """() => [...document.querySelectorAll("button, a, input, select, textarea, summary")]
  .filter((e) => e.checkVisibility() && !e.closest(".cm-editor, .visually-hidden, .skip"))
  .map((e) => [e.innerText || e.ariaLabel || e.id, e.getBoundingClientRect()])
  .filter(([, box]) => box.height > 0 && box.height < 43.5 && box.width > 0)
  .map(([name, box]) => `${name} ${Math.round(box.height)}`)"""


def test_the_main_job_fits_a_phone_and_its_fingers(live_site: Site, open_page: OpenPage, problems: Problems) -> None:
    page = open_page(viewport=PHONE, has_touch=True, is_mobile=True)
    steps.open_sample(page, live_site.url)
    tabs = page.get_by_role("navigation", name="Panels")
    expect(page.get_by_label("What do you want?")).to_be_visible()
    steps.send(page)
    page.get_by_role("button", name="Review 8 hunks").tap(timeout=steps.RUN_ENDS_MS)
    assert page.evaluate(TARGETS) == []
    page.locator(".hunk").first.get_by_role("button", name="Accept").tap()
    expect(page.locator('.hunk[data-status="accepted"]')).to_have_count(1)
    tabs.get_by_role("button", name="Chat").tap()
    assert page.evaluate(TARGETS) == []
    tabs.get_by_role("button", name="Code").tap()
    expect(page.locator(".cm-content")).not_to_contain_text("import os, sys")
    assert overflow(page) <= 0
    assert problems.found == []


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


def test_a_name_that_was_typed_goes_along_with_a_sample(
    live_site: Site, open_page: OpenPage, problems: Problems
) -> None:
    page = open_page()
    page.goto(live_site.url)
    page.get_by_label("Your name").fill("Ana Berg")
    page.get_by_role("button", name="An order report from 2014").click()
    steps.wait_until_ready(page)
    page.goto(live_site.url)
    expect(page.get_by_role("banner")).to_contain_text("Ana Berg")
