"""What a page does when the site says: not so fast, or no more."""

import re

from playwright.sync_api import Page, expect

from tests.journeys import steps
from tests.journeys.conftest import OpenPage
from tests.servers.site import StartSite


def open_dialog(page: Page, url: str) -> None:
    steps.start_as_guest(page, url)
    steps.open_session(page, "one = 1\n")
    page.get_by_role("button", name="Invite", exact=True).click()


def invite(page: Page, name: str) -> None:
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Username").fill(name)
    dialog.get_by_role("button", name="Invite", exact=True).click()


def test_what_came_too_fast_is_done_by_itself_a_moment_later(start_site: StartSite, open_page: OpenPage) -> None:
    site = start_site(environment={"RATE_LIMIT_INVITES": "person 2/3s"})
    page = open_page()
    refused = []
    page.on("response", lambda answer: refused.append(answer.url) if answer.status == 429 else None)
    open_dialog(page, site.url)
    for number in range(4):
        invite(page, f"somebody-{number}")
        expect(page.get_by_text(f"somebody-{number}, invited as editor")).to_be_visible()
    assert refused, "the site has to have refused, or this shows nothing"
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_longer_wait_is_told_and_what_was_typed_stays(start_site: StartSite, open_page: OpenPage) -> None:
    site = start_site(environment={"RATE_LIMIT_INVITES": "person 1/60s", "QUOTA_SESSIONS": "guest 1"})
    page = open_page()
    open_dialog(page, site.url)
    invite(page, "first")
    expect(page.get_by_text("first, invited as editor")).to_be_visible()
    invite(page, "second")
    told = page.get_by_role("dialog").get_by_role("alert")
    expect(told).to_contain_text("The invitation was not sent")
    expect(told).to_contain_text(re.compile(r"at most 1 in 60 s.*try again in \d+ s.*It is tried again by itself then"))
    expect(page.get_by_role("dialog").get_by_label("Username")).to_have_value("second")

    page.goto(site.url)
    page.get_by_label("Code").fill("kept = True\n")
    page.get_by_role("button", name="Open the session").click()
    expect(page.get_by_role("alert")).to_contain_text("the limit is 1. Nothing was made. Delete one")
    expect(page.get_by_label("Code")).to_have_value("kept = True\n")


def test_a_document_for_which_there_is_no_room_is_waited_for_and_opens_by_itself(
    start_site: StartSite, open_page: OpenPage
) -> None:
    site = start_site(environment={"OPEN_DOCUMENTS_MAX_BYTES": "40000"})  # of which one person has a quarter
    first = open_page()
    steps.start_as_guest(first, site.url)
    steps.open_session(first, "a = 1\n" * 1_300)
    second = first.context.new_page()
    second.goto(site.url)
    second.get_by_label("Code").fill("b = 2\n" * 1_300)
    second.get_by_role("button", name="Open the session").click()
    pill = second.locator("#pill")
    expect(pill).to_contain_text("Waiting for room")
    expect(pill).to_have_attribute("title", re.compile(r"You have .* of 10,000\. .* tries again by itself"))
    first.close()
    expect(pill).to_contain_text(re.compile("Live|Saved"), timeout=60_000)
    expect(second.locator(".cm-content")).to_contain_text("b = 2")
