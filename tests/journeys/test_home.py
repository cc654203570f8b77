"""The home page and the way in."""

import re

from playwright.sync_api import expect

from tests.journeys import steps
from tests.journeys.conftest import OpenPage, Problems
from tests.servers.site import Site


def test_sessions_are_listed_extended_and_deleted_after_a_question(
    live_site: Site, open_page: OpenPage, problems: Problems
) -> None:
    page = open_page()
    steps.start_as_guest(page, live_site.url)
    steps.open_session(page, "a = 1\n", title="To keep")
    page.goto(live_site.url)
    steps.open_session(page, "b = 1\n", title="To delete")
    page.goto(live_site.url)
    expect(page.locator(".session")).to_have_count(2)
    expect(page.locator(".session .life").first).to_have_text(re.compile(r"^Ends in (1 h \d+ min|2 h)$"))
    page.get_by_role("button", name="Extend To keep").click()
    expect(page.locator("#announcer")).to_have_text("Session extended")

    page.get_by_role("button", name="Delete To delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(page.locator(".session")).to_have_count(2)
    page.get_by_role("button", name="Delete To delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete the session").click()
    expect(page.locator(".session")).to_have_count(1)
    expect(page.locator(".session-title")).to_have_text("To keep")
    assert problems.found == []


def test_a_list_that_cannot_be_changed_stays_and_says_why(live_site: Site, open_page: OpenPage) -> None:
    page = open_page()
    steps.start_as_guest(page, live_site.url)
    steps.open_session(page, "a = 1\n", title="Here")
    page.goto(live_site.url)
    page.route("**/extend", lambda route: route.abort())
    page.get_by_role("button", name="Extend Here").click()
    expect(page.get_by_role("alert")).to_contain_text("The session was not extended")
    expect(page.get_by_role("alert")).to_contain_text("The list is as it was.")
    expect(page.locator(".session")).to_have_count(1)
    page.unroute("**/extend")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#announcer")).to_have_text("Session extended")


def test_a_session_of_others_is_not_found_and_a_stranger_comes_back_after_signing_in(
    live_site: Site, open_page: OpenPage
) -> None:
    page = open_page()
    steps.start_as_guest(page, live_site.url)
    steps.open_session(page, "a = 1\n", title="Private")
    address = page.url
    stranger = open_page()
    stranger.goto(address)
    stranger.get_by_role("button", name="Start as a guest").click()
    expect(stranger).to_have_url(address)
    expect(stranger.get_by_role("heading", name="There is nothing here")).to_be_visible()


def test_a_wrong_password_is_told_and_leads_nowhere(live_site: Site, open_page: OpenPage) -> None:
    page = open_page()
    page.goto(live_site.url)
    page.get_by_text("Sign in to an account").click()
    page.get_by_label("User name").fill("nobody")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("User name")).to_be_visible()


def test_a_page_of_another_site_is_no_place_to_go_after_signing_in(live_site: Site, open_page: OpenPage) -> None:
    page = open_page()
    page.goto(f"{live_site.url}/?next=https://example.com/")
    page.get_by_role("button", name="Start as a guest").click()
    expect(page).to_have_url(f"{live_site.url}/")


def test_a_title_is_changed_where_it_stands(live_site: Site, open_page: OpenPage) -> None:
    page = open_page()
    steps.start_as_guest(page, live_site.url)
    steps.open_session(page, "a = 1\n", title="Old name")
    title = page.get_by_label("Title of the session")
    title.fill("New name")
    title.press("Enter")
    expect(page).to_have_title(re.compile("^New name"))
    page.reload()
    expect(title).to_have_value("New name")
