"""A document that holds all it may: who types is told what is kept where, others go on, and it can always be read."""

import re

from playwright.sync_api import expect

from tests.journeys import steps
from tests.journeys.conftest import PHONE, OpenPage, Problems
from tests.journeys.test_together import invitation, join
from tests.servers.site import StartSite

LIMIT = 5_000
OTHER = 3_000


def test_a_full_document_says_what_is_kept_and_opens_to_be_read(
    start_site: StartSite, open_page: OpenPage, problems: Problems
) -> None:
    site = start_site(environment={"DOCUMENT_STATE_MAX_BYTES": str(LIMIT)})
    ana, ben = open_page(), open_page(viewport=PHONE, color_scheme="dark")
    steps.start_as_guest(ana, site.url, "Ana Berg")
    steps.open_session(ana, "x = 1\n" * 600)
    join(ben, invitation(ana), "Ben Ode")
    ana.locator(".cm-content").click()
    ana.keyboard.insert_text("y = 2\n" * 400)
    told = ana.locator("#notices").get_by_text("Not saved: this document is full")
    expect(told).to_be_visible()
    expect(ana.locator("#notices")).to_contain_text(f"the limit is {LIMIT:,}")
    expect(ana.locator("#notices")).to_contain_text("What you typed since is kept in this browser only.")
    expect(ana.locator("#pill")).to_have_text(re.compile("^Not saved"))
    steps.type_at_end(ben, "z = 3\n")
    steps.expect_saved(ben)
    assert steps.stored_text(ben) == "x = 1\n" * 600 + "z = 3\n"

    site.stop()
    site.environment["DOCUMENT_STATE_MAX_BYTES"] = str(OTHER)
    site.start()
    ben.reload()
    expect(ben.locator("#pill")).to_have_text("Read-only")
    expect(ben.locator("#notices")).to_contain_text("This document is full")
    expect(ben.locator("#notices")).to_contain_text(f"the limit is {OTHER:,}")
    expect(ben.locator(".cm-content")).to_have_attribute("aria-readonly", "true")
    assert steps.editor_text(ben).endswith("z = 3\n")
    assert ben.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert [
        problem for problem in problems.found if "ERR_CONNECTION" not in problem and "WebSocket" not in problem
    ] == []
