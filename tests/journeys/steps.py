"""What people do on the site, said once for all journeys."""

import re
import time

from playwright.sync_api import Page, expect

RUN_ENDS_MS = 60_000


def start_as_guest(page: Page, url: str, name: str = "Ana Berg") -> None:
    page.goto(url)
    page.get_by_label("Your name").fill(name)
    page.get_by_role("button", name="Start as a guest").click()
    expect(page.get_by_role("heading", name="Your sessions")).to_be_visible()


def open_sample(page: Page, url: str, title: str = "An order report from 2014") -> None:
    page.goto(url)
    page.get_by_role("button", name=title).click()
    wait_until_ready(page)


def open_session(page: Page, code: str, title: str = "Mine", language: str = "python") -> None:
    """From the home page."""
    page.get_by_label("Title").fill(title)
    page.get_by_label("Language").select_option(language)
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name="Open the session").click()
    wait_until_ready(page)


def wait_until_ready(page: Page) -> None:
    expect(page.locator("html")).to_have_attribute("data-ready", "true")
    expect(page.locator("#pill")).to_have_text("Live")


def send(page: Page) -> None:
    page.get_by_role("button", name="Send").click()


def wait_for_outcome(page: Page, status: str = "completed", turn: int = -1) -> None:
    expect(page.locator(".turn").nth(turn)).to_have_attribute("data-status", status, timeout=RUN_ENDS_MS)


def open_hunks(page: Page) -> int:
    return page.locator('.hunk[data-status="open"]').count()


def wait_for_hunks(page: Page) -> int:
    expect(page.locator('.hunk[data-status="open"]').first).to_be_visible(timeout=RUN_ENDS_MS)
    return open_hunks(page)


def editor_text(page: Page) -> str:
    """What the editor holds, also what is scrolled out of sight."""
    text: str = page.evaluate("document.querySelector('.cm-content').cmTile.view.state.doc.toString()")
    return text


def stored_text(page: Page) -> str:
    """What the server has stored."""
    text: str = page.evaluate(
        "async () => (await (await fetch(`/v1/sessions/${location.pathname.split('/')[2]}/document`)).json()).text"
    )
    return text


def wait_until_same(page: Page) -> None:
    """Until the editor shows what the server has stored; a decision is told before its text has come."""
    assert wait_until(
        page,
        """async () => (await (await fetch(`/v1/sessions/${location.pathname.split('/')[2]}/document`)).json()).text
             === document.querySelector('.cm-content').cmTile.view.state.doc.toString()""",
    )


def wait_until(page: Page, condition: str, *, within_s: float = 60.0) -> bool:
    """Asks again and again, from here: an expression that Playwright asks for inside the page goes by eval() there,
    which the site's policy forbids from the second time on. False when it did not come true in time."""
    deadline = time.monotonic() + within_s
    while not page.evaluate(condition):
        if time.monotonic() > deadline:
            return False
        page.wait_for_timeout(50)
    return True


def type_at_end(page: Page, text: str) -> None:
    """Types as people do. A line must not end in a word that the editor completes: Enter would take the suggestion."""
    page.locator(".cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.type(text)


def expect_saved(page: Page) -> None:
    expect(page.locator("#pill")).to_have_text(re.compile(r"^Saved \d\d:\d\d:\d\d$"))
