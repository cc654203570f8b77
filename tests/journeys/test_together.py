"""One document, many hands, agents among them: nothing lost, nothing doubled, whatever is killed meanwhile."""

import pytest
from playwright.sync_api import Page, expect

from tests.journeys import steps
from tests.journeys.conftest import PHONE, OpenPage, Problems
from tests.journeys.crdt_clients import Person, YClient, has_node, wait_for
from tests.servers.site import Site, StartSite


def session_of(page: Page) -> str:
    return page.url.split("/")[4]


def invitation(page: Page, role: str = "edit") -> str:
    """Makes a link by the dialog, as its owner does."""
    page.get_by_role("button", name="Invite", exact=True).click()
    page.get_by_label("Access").select_option(label=f"Can {role}")
    page.get_by_role("button", name="Make a link").click()
    link = page.get_by_label("The link", exact=True).input_value()
    page.get_by_role("button", name="Done").click()
    return link


def join(page: Page, link: str, name: str) -> None:
    page.goto(link)
    page.get_by_label("Your name").fill(name)
    page.get_by_role("button", name="Join").click()
    steps.wait_until_ready(page)


def type_at_start(page: Page, text: str) -> None:
    page.locator(".cm-content").click()
    page.keyboard.press("Control+Home")
    page.keyboard.type(text)


def test_a_guest_joins_by_a_link_and_both_see_each_other(
    live_site: Site, open_page: OpenPage, problems: Problems
) -> None:
    ana, ben = open_page(), open_page()
    steps.start_as_guest(ana, live_site.url, "Ana Berg")
    steps.open_session(ana, "one = 1\n")
    join(ben, invitation(ana), "Ben Ode")
    expect(ana.get_by_role("button", name="Follow Ben Ode")).to_be_visible()
    steps.type_at_end(ben, "two = 2\n")
    expect(ana.locator(".cm-content")).to_contain_text("two = 2")
    expect(ana.locator(".remote-caret .remote-name")).to_have_text("Ben Ode")
    expect(ana.locator(".cm-line")).to_have_count(3)  # the last key is a line of its own
    assert steps.editor_text(ana) == steps.editor_text(ben) == "one = 1\ntwo = 2\n"
    ben.close()
    expect(ana.get_by_role("button", name="Follow Ben Ode")).to_have_count(0)
    assert problems.found == []


def test_undo_takes_back_what_oneself_typed_and_nothing_else(live_site: Site, open_page: OpenPage) -> None:
    ana, ben = open_page(), open_page()
    steps.start_as_guest(ana, live_site.url, "Ana Berg")
    steps.open_session(ana, "middle\n")
    join(ben, invitation(ana), "Ben Ode")
    type_at_start(ana, "ana ")
    steps.type_at_end(ben, "ben ")
    ends = "document.querySelector('.cm-content').cmTile.view.state.doc.toString().endsWith('ben ')"
    assert steps.wait_until(ana, ends)  # with the last key, which nobody sees
    ana.locator(".cm-content").focus()
    ana.keyboard.press("Control+z")
    expect(ana.locator(".cm-content")).not_to_contain_text("ana")
    steps.expect_saved(ana)
    assert steps.editor_text(ana) == steps.stored_text(ana) == "middle\nben "


def test_a_link_that_was_revoked_lets_nobody_in(live_site: Site, open_page: OpenPage) -> None:
    ana, ben = open_page(), open_page()
    steps.start_as_guest(ana, live_site.url, "Ana Berg")
    steps.open_session(ana, "one = 1\n")
    link = invitation(ana)
    ana.get_by_role("button", name="Invite", exact=True).click()
    ana.get_by_role("button", name="Revoke").click()
    expect(ana.get_by_role("button", name="Revoke")).to_have_count(0)
    ben.goto(link)
    expect(ben.get_by_role("heading", name="This invitation is no longer valid")).to_be_visible()


def test_a_viewer_follows_and_cannot_type(live_site: Site, open_page: OpenPage) -> None:
    ana, vic = open_page(), open_page()
    steps.start_as_guest(ana, live_site.url, "Ana Berg")
    steps.open_session(ana, "one = 1\n")
    link = invitation(ana, "view")
    vic.goto(link)
    vic.get_by_label("Your name").fill("Vic Lam")
    vic.get_by_role("button", name="Join").click()
    expect(vic.locator("#pill")).to_have_text("Read-only")
    steps.type_at_end(vic, "vandalism")
    steps.type_at_end(ana, "two = 2\n")
    expect(vic.locator(".cm-content")).to_contain_text("two = 2")
    assert steps.editor_text(vic) == "one = 1\ntwo = 2\n"


@pytest.mark.skipif(not has_node(), reason="needs Node.js and npm")
@pytest.mark.timeout(240)
def test_two_browsers_a_phone_and_a_stock_client_lose_and_double_nothing_while_the_site_is_killed_twice(
    start_site: StartSite, open_page: OpenPage
) -> None:
    site = start_site()
    ana, ben, cleo = open_page(), open_page(), open_page(viewport=PHONE, has_touch=True, is_mobile=True)
    steps.open_sample(ana, site.url)
    link = invitation(ana)
    join(ben, link, "Ben Ode")
    join(cleo, link, "Cleo Sun")
    session = session_of(ana)
    node_person = Person(site, "Node")
    node_person.call("POST", f"/v1/invites/{link.rstrip('/').split('/')[-1]}/accept")
    node = YClient(site, session, node_person)
    try:
        node.wait_until_synced()
        for round_ in range(2):
            # Everybody at a place of their own: two who type at one place at once mix their letters, as they should.
            type_at_start(ana, f"# ana {round_}\n")
            steps.type_at_end(ben, f"# ben {round_}\n")
            node.do("after", mark="VAT = 0.19", text=f"  # node {round_}")
            wait_for(lambda: f"# ben {round_}\n" in steps.editor_text(cleo), "Cleo to see what Ben typed")  # noqa: B023
            site.kill(site.web)
            steps.type_at_end(cleo, f"# cleo {round_} ")
            steps.type_at_end(ben, f"# alone {round_} ")
            node.do("after", mark="VAT = 0.19", text=f"  # offline {round_}")
            site.start()
            wait_for(
                lambda: (
                    len({*(steps.editor_text(page) for page in (ana, ben, cleo)), node.text()}) == 1
                    and node_person.text_of(session) == node.text()
                ),
                "all four and the database to have the same text",
            )
        text = node.text()
        for who in ("ana", "ben", "node", "cleo", "alone", "offline"):
            for round_ in range(2):
                assert text.count(f"# {who} {round_}") == 1, (who, round_, text)
        assert text.count("def load_orders(path)") == 1
        steps.send(ana)
        node.do("after", mark="VAT = 0.19", text="  # while it ran")
        steps.wait_for_hunks(ana)
        for page in (ben, cleo):
            expect(page.locator('.hunk[data-status="open"]').first).to_be_attached(timeout=steps.RUN_ENDS_MS)
        type_at_start(ben, "# typed beside the proposal\n")
        ana.locator(".hunk").first.get_by_role("button", name="Accept").click()
        expect(ana.locator('.hunk[data-status="accepted"]')).to_have_count(1)
        assert "import os, sys" in text, "what the accepted hunk takes away"
        # A decision is told before its text has come: until then all have the same text as well.
        wait_for(
            lambda: (
                "import os, sys" not in node.text()
                and len({*(steps.editor_text(page) for page in (ana, ben, cleo)), node.text()}) == 1
            ),
            "all to have the accepted hunk",
        )
        assert node.text().count("# typed beside the proposal\n") == node.text().count("  # while it ran") == 1
        assert node_person.text_of(session) == node.text()
        ana.get_by_role("button", name="History", exact=True).click()
        accepted = ana.locator(".history-entry").first
        expect(accepted).to_contain_text("refine_code via")
        accepted.click()
        expect(ana.locator(".history-preview")).to_contain_text("Node propose, endpoint")
    finally:
        node.stop()
