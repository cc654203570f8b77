"""The history of the text: named, looked at, and brought back; and agents that everybody sees in the text."""

from playwright.sync_api import Page, expect

from tests.journeys import steps
from tests.journeys.conftest import PHONE, OpenPage, Problems
from tests.journeys.crdt_clients import Person
from tests.journeys.test_together import invitation, join, type_at_start
from tests.servers.site import Site


def open_history(page: Page) -> None:
    page.get_by_role("button", name="History", exact=True).click()
    expect(page.get_by_role("dialog", name="History")).to_be_visible()


def test_a_named_version_is_compared_and_restored_by_keyboard(
    live_site: Site, open_page: OpenPage, problems: Problems
) -> None:
    page = open_page(color_scheme="dark", viewport=PHONE)
    steps.start_as_guest(page, live_site.url, "Ana Berg")
    steps.open_session(page, "one = 1\ntwo = 2\n")
    page.get_by_role("button", name="History", exact=True).focus()
    page.keyboard.press("Enter")
    page.get_by_label("Name the text as it is now").fill("Before the demo")
    page.keyboard.press("Enter")
    named = page.locator(".history-entry").filter(has_text="Before the demo")
    expect(named).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="History", exact=True)).to_be_focused()

    steps.type_at_end(page, "three = 3\n")
    steps.expect_saved(page)
    open_history(page)
    expect(page.locator(".history-entry").first).to_contain_text("Ana Berg wrote")
    page.locator(".history-entry").first.press("Enter")
    expect(page.locator(".history-preview .line.come")).to_contain_text("three = 3")
    named.press("Enter")
    expect(page.locator(".history-preview .line.gone")).to_contain_text("three = 3")
    expect(page.get_by_role("heading", name="Restoring “Before the demo” would change this")).to_be_visible()
    page.get_by_role("button", name="Restore", exact=True).press("Enter")
    expect(page.get_by_role("dialog", name="History")).to_have_count(0)
    expect(page.locator(".cm-content")).not_to_contain_text("three = 3")
    assert steps.editor_text(page) == "one = 1\ntwo = 2\n"
    open_history(page)
    expect(page.locator(".history-entry").first).to_contain_text("Ana Berg restored version 1")
    assert problems.found == []


def test_what_others_type_while_a_restore_is_looked_at_is_not_lost(live_site: Site, open_page: OpenPage) -> None:
    ana, ben = open_page(), open_page()
    steps.start_as_guest(ana, live_site.url, "Ana Berg")
    steps.open_session(ana, "one = 1\n")
    join(ben, invitation(ana), "Ben Ode")
    steps.type_at_end(ana, "two = 2\n")
    steps.expect_saved(ana)
    open_history(ana)
    ana.locator(".history-entry").last.click()
    ana.get_by_role("button", name="Restore this version").click()
    expect(ana.locator(".history-preview .line.gone")).to_have_count(1)
    steps.type_at_end(ben, "three = 3\n")
    steps.expect_saved(ben)
    ana.get_by_role("button", name="Restore", exact=True).click()
    expect(ana.get_by_text("The text has changed meanwhile")).to_be_visible()
    expect(ana.locator(".history-preview .line.gone")).to_have_count(2)
    assert steps.stored_text(ben) == "one = 1\ntwo = 2\nthree = 3\n"


def test_a_viewer_reads_the_history_and_can_neither_name_nor_restore(live_site: Site, open_page: OpenPage) -> None:
    ana, vic = open_page(), open_page()
    steps.start_as_guest(ana, live_site.url, "Ana Berg")
    steps.open_session(ana, "one = 1\n")
    link = invitation(ana, "view")
    steps.type_at_end(ana, "two = 2\n")
    steps.expect_saved(ana)
    vic.goto(link)
    vic.get_by_label("Your name").fill("Vic Lam")
    vic.get_by_role("button", name="Join").click()
    expect(vic.locator("#pill")).to_have_text("Read-only")
    open_history(vic)
    expect(vic.get_by_label("Name the text as it is now")).to_have_count(0)
    vic.locator(".history-entry").last.click()
    vic.get_by_role("button", name="Restore this version").click()
    expect(vic.locator(".history-preview .line.gone")).to_have_count(1)
    expect(vic.get_by_role("button", name="Restore", exact=True)).to_have_count(0)


def test_who_is_invited_by_name_accepts_on_their_home_page_and_is_in(
    live_site: Site, open_page: OpenPage, problems: Problems
) -> None:
    page = open_page()
    steps.start_as_guest(page, live_site.url, "Ana Berg")
    steps.open_session(page, "one = 1\n")
    ben = open_page(viewport=PHONE)
    steps.start_as_guest(ben, live_site.url, "Ben Ode")
    page.get_by_role("button", name="Invite", exact=True).click()
    dialog = page.get_by_role("dialog")
    for name in ("nobody", guest_id(ben)):
        dialog.get_by_label("Username").fill(name)
        dialog.get_by_role("button", name="Invite", exact=True).click()
        expect(
            dialog.get_by_text(
                "If there is such an account, it is invited, and joins by accepting. Invite guests by a link."
            )
        ).to_be_visible()
        expect(dialog.get_by_text(f"{name}, invited as editor")).to_be_visible()
    dialog.get_by_role("button", name="Withdraw the invitation of nobody").click()
    expect(dialog.get_by_text("nobody, invited")).to_have_count(0)
    ben.reload()
    expect(ben.get_by_text("Ana Berg invites you")).to_be_visible()
    ben.get_by_role("button", name="Accept the invitation to Mine").click()
    steps.wait_until_ready(ben)
    assert steps.editor_text(ben) == "one = 1\n"
    assert problems.found == []


def test_an_invitation_that_is_declined_is_gone(live_site: Site, open_page: OpenPage, problems: Problems) -> None:
    page = open_page()
    steps.start_as_guest(page, live_site.url, "Ben Ode")
    ana = Person(live_site, "Ana Berg")
    session = ana.call("POST", "/v1/sessions", {"title": "Not for Ben"})["id"]
    ana.call("POST", f"/v1/sessions/{session}/members", {"user": guest_id(page)})
    page.reload()
    page.get_by_role("button", name="Decline the invitation to Not for Ben").click()
    expect(page.locator(".invitation")).to_have_count(0)
    expect(page.get_by_role("heading", name="Invitations")).to_have_count(0)
    assert problems.found == []


def guest_id(page: Page) -> str:
    """By a session of their own: on the home page nothing says it."""
    made = """async () => (await (await fetch("/v1/sessions", {method: "POST", body: "{}", headers: {
      "Content-Type": "application/json",
      "X-CSRFToken": document.querySelector("meta[name=csrf-token]").content,
    }})).json()).id"""
    session = page.evaluate(made)
    who = f"async () => (await (await fetch('/v1/sessions/{session}/members')).json()).results[0].user.id"
    found: str = page.evaluate(who)
    return found


def test_an_agents_proposal_stands_in_everybodys_text_until_it_is_decided(
    live_site: Site, open_page: OpenPage, problems: Problems
) -> None:
    ana, ben = open_page(), open_page(viewport=PHONE, color_scheme="dark")
    steps.open_sample(ana, live_site.url)
    join(ben, invitation(ana), "Ben Ode")
    steps.send(ana)
    found = steps.wait_for_hunks(ana)
    expect(ben.locator(".cm-proposed-gone, .cm-proposed-come").first).to_be_attached(timeout=steps.RUN_ENDS_MS)
    expect(ben.locator(".cm-proposed-come").first).to_have_attribute("role", "note")
    assert "def load_orders" in steps.editor_text(ben)
    type_at_start(ana, "# typed beside it\n")
    steps.expect_saved(ana)
    ben.reload()  # the proposal is older than the text by now: its lines are found where they have gone
    steps.wait_until_ready(ben)
    expect(ben.locator(".cm-proposed-gone").first).to_contain_text("import os, sys")
    before = steps.editor_text(ben)
    ana.get_by_role("button", name="Reject all").click()
    expect(ana.locator('.hunk[data-status="rejected"]')).to_have_count(found)
    expect(ben.locator(".cm-proposed-gone, .cm-proposed-come")).to_have_count(0)
    assert steps.editor_text(ben) == before
    assert problems.found == []
