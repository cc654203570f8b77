"""The main job without a mouse."""

from playwright.sync_api import Page, expect

from tests.journeys import steps
from tests.journeys.conftest import OpenPage, Problems
from tests.servers.site import Site

FOCUSED = """(({ activeElement: it }) =>
  [it.getAttribute("aria-label"), it.labels?.[0]?.innerText, it.innerText].join(" "))(document)"""


def tab_to(page: Page, name: str, limit: int = 40) -> None:
    """Presses Tab until what has the focus is called so."""
    for _ in range(limit):
        page.keyboard.press("Tab")
        said = page.evaluate(FOCUSED)
        if name in said:
            return
    raise AssertionError(f"Tab does not reach {name!r}")


def test_the_main_job_needs_no_mouse(live_site: Site, open_page: OpenPage, problems: Problems) -> None:
    page = open_page()
    page.goto(live_site.url)
    tab_to(page, "An order report")
    page.keyboard.press("Enter")
    steps.wait_until_ready(page)
    page.keyboard.press("Control+Enter")
    steps.wait_for_outcome(page)
    found = steps.wait_for_hunks(page)

    page.keyboard.press("Shift+Tab")
    page.locator("#conversation").focus()
    page.keyboard.press("j")
    expect(page.locator(".hunk.selected")).to_have_attribute("data-n", "1")
    page.keyboard.press("a")
    expect(page.locator('.hunk[data-n="1"]')).to_have_attribute("data-status", "accepted")
    expect(page.locator(".hunk.selected")).to_have_attribute("data-n", "2")
    page.keyboard.press("j")
    expect(page.locator(".hunk.selected")).to_have_attribute("data-n", "3")
    page.keyboard.press("k")
    page.keyboard.press("r")
    expect(page.locator('.hunk[data-n="2"]')).to_have_attribute("data-status", "rejected")
    page.keyboard.press("R")
    page.keyboard.type("jark is no reason")
    page.keyboard.press("Enter")
    expect(page.locator('.hunk[data-n="3"]')).to_contain_text("Reason: jark is no reason")
    assert steps.open_hunks(page) == found - 3

    page.keyboard.press("c")
    expect(page.get_by_label("What do you want?")).to_be_focused()
    page.keyboard.type("a j k r typed into the box decide nothing")
    assert steps.open_hunks(page) == found - 3
    assert problems.found == []


def test_escape_then_tab_leaves_the_editor(live_site: Site, open_page: OpenPage) -> None:
    page = open_page()
    steps.open_sample(page, live_site.url)
    editor = page.locator(".cm-content")
    expect(editor).to_have_accessible_description("Tab indents. To leave the editor, press Escape, then Tab.")
    before = steps.editor_text(page)
    editor.focus()
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    expect(editor).not_to_be_focused()
    assert steps.editor_text(page) == before


def test_the_palette_finds_and_runs_a_command(live_site: Site, open_page: OpenPage) -> None:
    page = open_page()
    steps.open_sample(page, live_site.url)
    page.keyboard.press("Control+k")
    palette = page.get_by_role("dialog", name="Command palette")
    expect(palette).to_be_visible()
    page.keyboard.type("dark theme")
    page.keyboard.press("Enter")
    expect(palette).to_be_hidden()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_the_sheet_of_keys_opens_with_a_question_mark_but_not_while_typing(
    live_site: Site, open_page: OpenPage
) -> None:
    page = open_page()
    steps.open_sample(page, live_site.url)
    sheet = page.get_by_role("dialog", name="Keys")
    page.get_by_label("What do you want?").press("?")
    expect(sheet).to_be_hidden()
    page.locator("#conversation").focus()
    page.keyboard.press("?")
    expect(sheet).to_be_visible()
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()


def test_the_panels_are_resized_with_the_arrow_keys(live_site: Site, open_page: OpenPage) -> None:
    page = open_page()
    steps.open_sample(page, live_site.url)
    page.get_by_role("button", name="Both").click()
    splitter = page.get_by_role("separator", name="Width of code and review")
    width = page.locator("#code-panel").bounding_box()
    splitter.press("ArrowRight")
    expect(splitter).to_have_attribute("aria-valuenow", "54")
    wider = page.locator("#code-panel").bounding_box()
    assert width
    assert wider
    assert wider["width"] > width["width"]
