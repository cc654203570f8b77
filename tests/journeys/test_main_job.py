"""The straight line: open a session, ask for a refinement, watch it run, accept its hunks, ask again."""

import re

from playwright.sync_api import APIResponse, Route, expect

from tests.journeys import steps
from tests.journeys.conftest import OpenPage, Problems
from tests.servers.site import Site


def test_a_stranger_gets_from_a_sample_to_accepted_hunks_and_a_follow_up(
    live_site: Site, open_page: OpenPage, problems: Problems
) -> None:
    page = open_page()
    steps.open_sample(page, live_site.url)
    before = steps.editor_text(page)
    steps.send(page)
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    steps.wait_for_outcome(page)
    found = steps.wait_for_hunks(page)
    assert found >= 4
    assert steps.editor_text(page) == before, "nothing changes before it is accepted"

    page.locator('.hunk[data-status="open"]').first.get_by_role("button", name="Accept").click()
    expect(page.locator('.hunk[data-status="accepted"]')).to_have_count(1)
    page.locator('.hunk[data-status="open"]').first.get_by_role("button", name="Reject", exact=True).click()
    expect(page.locator('.hunk[data-status="rejected"]')).to_have_count(1)
    page.get_by_role("button", name=f"Accept all {found - 2}").click()
    expect(page.locator('.hunk[data-status="accepted"]')).to_have_count(found - 1)
    expect(page.locator(".cm-content")).not_to_contain_text("import os, sys")
    steps.wait_until_same(page)
    assert steps.editor_text(page) == steps.stored_text(page) != before

    expect(page.locator("#parent")).to_contain_text("Follow-up to")
    page.get_by_label("What do you want?").fill("Which functions are too complex now?")
    page.get_by_label("What kind of request").select_option("code_review")
    steps.send(page)
    steps.wait_for_outcome(page, turn=1)
    expect(page.locator(".turn").nth(1)).to_contain_text("Follow-up to “Modernise this module")
    expect(page.locator("#review .report")).to_contain_text("Functions")
    assert problems.found == []


def test_a_patch_can_be_downloaded_and_names_the_file(live_site: Site, open_page: OpenPage) -> None:
    page = open_page()
    steps.open_sample(page, live_site.url)
    steps.send(page)
    steps.wait_for_hunks(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Patch").click()
    text = download.value.path().read_text()
    assert text.startswith(("diff --git", "--- "))
    assert "@@" in text


def test_a_page_that_is_loaded_again_in_mid_run_shows_the_whole_run(
    live_site: Site, open_page: OpenPage, problems: Problems
) -> None:
    page = open_page()
    steps.open_sample(page, live_site.url)
    steps.send(page)
    expect(page.locator(".turn")).to_have_count(1)
    page.reload()
    expect(page.locator(".turn-words")).to_have_text(re.compile("^Modernise"))
    steps.wait_for_outcome(page)
    expect(page.locator('.step[data-status="completed"]')).to_have_count(5)
    # A run that is over before the page is there again opens no review by itself.
    page.locator(".turn").get_by_role("button", name=re.compile("^Review")).click()
    assert steps.wait_for_hunks(page) >= 4
    page.reload()
    assert steps.wait_for_hunks(page) >= 4
    assert problems.found == []


def test_the_address_opens_the_run_and_the_hunk_that_its_sender_saw(live_site: Site, open_page: OpenPage) -> None:
    page = open_page()
    steps.open_sample(page, live_site.url)
    steps.send(page)
    steps.wait_for_hunks(page)
    page.locator(".hunk").nth(2).locator(".hunk-scroll").focus()
    expect(page).to_have_url(re.compile(r"run=[0-9a-f-]{36}&hunk=3$"))
    page.goto(page.url)
    expect(page.locator(".hunk.selected")).to_have_attribute("data-n", "3")


def test_a_review_lists_functions_issues_and_suggestions(live_site: Site, open_page: OpenPage) -> None:
    page = open_page()
    steps.open_sample(page, live_site.url, "A deploy script to review")
    steps.send(page)
    steps.wait_for_outcome(page)
    report = page.locator("#review .report")
    expect(report).to_contain_text("choose_host")
    expect(report.get_by_role("heading", name="Suggestions")).to_be_visible()
    report.get_by_role("button", name=re.compile("^Line ")).first.click()
    expect(page.locator(".cm-content")).to_be_focused()


def test_a_report_shows_however_late_an_early_reading_of_its_run_arrives(live_site: Site, open_page: OpenPage) -> None:
    page = open_page()
    steps.open_sample(page, live_site.url, "A deploy script to review")
    asked: list[Route] = []
    held: list[tuple[Route, APIResponse]] = []

    def hold_first(route: Route) -> None:
        asked.append(route)  # first of all: the next request may come while this one is fetched
        if asked[0] is route:
            held.append((route, route.fetch()))
        else:
            route.continue_()

    page.route(re.compile(r"/v1/runs/[0-9a-f-]{36}$"), hold_first)
    steps.send(page)
    steps.wait_for_outcome(page)
    while not held:
        page.wait_for_timeout(50)  # what is fetched arrives while the page is waited for
    [(first, answer)] = held
    first.fulfill(response=answer)
    expect(page.locator("#review .report")).to_contain_text("choose_host")
    page.unroute_all(behavior="ignoreErrors")


def test_a_hunk_whose_lines_were_edited_meanwhile_conflicts_and_overwrites_nothing(
    live_site: Site, open_page: OpenPage
) -> None:
    page = open_page()
    steps.start_as_guest(page, live_site.url)
    steps.open_session(page, "import os\n\n\ndef f( a ):\n    return a == None\n")
    page.get_by_label("What do you want?").fill("Tidy the imports and the formatting")
    page.get_by_label("What kind of request").select_option("refine_code")
    steps.send(page)
    steps.wait_for_hunks(page)
    page.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.type("1 + 1\n")  # no word: Enter would take what the editor suggests for it
    steps.expect_saved(page)
    page.locator(".hunk").first.get_by_role("button", name="Accept").click()
    expect(page.locator(".hunk").first).to_have_attribute("data-status", "conflicted")
    expect(page.locator(".hunk").first).to_contain_text("No longer fits")
    assert steps.stored_text(page) == "1 + 1\n"
