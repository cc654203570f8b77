"""What is typed is kept: saved when the server says so, merged with what others typed, there after a crash."""

import re
import sqlite3
from contextlib import closing
from uuid import UUID

from playwright.sync_api import Page, WebSocketRoute, expect

from tests.journeys import steps
from tests.journeys.conftest import OpenPage, Problems
from tests.servers.site import Site

OFFLINE = re.compile(r"^Offline . \d+ changes? kept$")


STORED = 101
"""The first byte of the server's word that an update is stored."""


class Wire:
    """What lies between the page and the document's socket, and what a test may do to it."""

    def __init__(self, page: Page) -> None:
        self.is_cut = False
        self.holds_answers = False
        self.cuts_at_answer = False
        self._held: list[tuple[WebSocketRoute, bytes | str]] = []
        self._open: list[WebSocketRoute] = []
        page.route_web_socket(re.compile("/document/"), self._connect)

    def cut(self) -> None:
        self.is_cut = True
        for socket in self._open:
            socket.close()
        self._open.clear()

    def release(self) -> None:
        self.holds_answers = False
        for socket, answer in self._held:
            socket.send(answer)
        self._held.clear()

    def _connect(self, socket: WebSocketRoute) -> None:
        if self.is_cut:
            socket.close()
            return
        self._open.append(socket)
        server = socket.connect_to_server()
        server.on_message(lambda message: self._to_page(socket, message))

    def _to_page(self, socket: WebSocketRoute, message: bytes | str) -> None:
        is_answer = isinstance(message, bytes) and message[0] == STORED
        if is_answer and self.cuts_at_answer:
            self.cuts_at_answer = False
            self.cut()
        elif is_answer and self.holds_answers:
            self._held.append((socket, message))
        elif not self.is_cut:
            socket.send(message)


def new_session(page: Page, site: Site, code: str = "first = 1\n") -> None:
    steps.start_as_guest(page, site.url)
    steps.open_session(page, code)


def type_unheard(page: Page, text: str) -> None:
    """What the server does not get to know."""
    steps.type_at_end(page, text)
    expect(page.locator("#pill")).to_have_text(OFFLINE)


def expect_brought_back(page: Page) -> None:
    """What another tab had typed, and died with, is here and stored."""
    expect(page.locator("#notices")).to_contain_text("brought back")
    steps.expect_saved(page)
    assert steps.stored_text(page) == "first = 1\nrescued = 1\n"


def open_again(page: Page) -> Page:
    """The same page in a new tab, after the tab has died without a word."""
    address = page.url
    page.close(run_before_unload=False)
    again = page.context.new_page()
    again.goto(address)
    return again


def test_typing_is_saved_by_itself(live_site: Site, open_page: OpenPage, problems: Problems) -> None:
    page = open_page()
    new_session(page, live_site)
    steps.type_at_end(page, "second = 2\n")
    steps.expect_saved(page)
    assert steps.stored_text(page) == "first = 1\nsecond = 2\n"
    page.reload()
    steps.wait_until_ready(page)
    assert steps.editor_text(page) == "first = 1\nsecond = 2\n"
    assert problems.found == []


def test_saving_is_not_claimed_before_the_server_answers(live_site: Site, open_page: OpenPage) -> None:
    page = open_page()
    wire = Wire(page)
    new_session(page, live_site)
    wire.holds_answers = True
    steps.type_at_end(page, "xyz")
    expect(page.locator("#pill")).to_have_text("Saving…")
    wire.release()
    steps.expect_saved(page)
    assert steps.stored_text(page) == "first = 1\nxyz"


def test_typing_goes_on_without_the_server_and_is_stored_when_it_is_back(live_site: Site, open_page: OpenPage) -> None:
    page = open_page()
    new_session(page, live_site)
    page.context.set_offline(True)
    type_unheard(page, "offline = 1\n")
    page.context.set_offline(False)
    steps.expect_saved(page)
    assert steps.stored_text(page) == "first = 1\noffline = 1\n"


def test_an_answer_that_is_lost_doubles_nothing(live_site: Site, open_page: OpenPage) -> None:
    page = open_page()
    wire = Wire(page)
    new_session(page, live_site)
    wire.cuts_at_answer = True
    type_unheard(page, "once = 1\n")
    wire.is_cut = False
    steps.expect_saved(page)
    assert steps.editor_text(page) == steps.stored_text(page) == "first = 1\nonce = 1\n"


def test_what_a_crashed_tab_had_not_saved_comes_back(live_site: Site, open_page: OpenPage) -> None:
    page = open_page()
    wire = Wire(page)
    new_session(page, live_site)
    wire.cut()
    type_unheard(page, "rescued = 1\n")
    again = open_again(page)
    expect_brought_back(again)
    again.get_by_role("button", name="Discard").click()
    expect(again.locator(".cm-content")).not_to_contain_text("rescued")


def test_what_was_typed_before_the_shared_text_had_come_outlives_a_crash(live_site: Site, open_page: OpenPage) -> None:
    page = open_page()
    new_session(page, live_site)
    address = page.url
    page.close()
    page = page.context.new_page()
    Wire(page).cut()  # the page comes, and its socket never
    page.goto(address)
    expect(page.locator(".cm-content")).to_be_editable()
    type_unheard(page, "rescued = 1\n")
    expect_brought_back(open_again(page))


def test_what_a_closed_tab_had_not_saved_goes_to_the_one_that_is_still_open(
    live_site: Site, open_page: OpenPage
) -> None:
    page = open_page()
    wire = Wire(page)
    new_session(page, live_site)
    wire.cut()
    type_unheard(page, "rescued = 1\n")
    other = page.context.new_page()
    other.goto(page.url)
    steps.wait_until_ready(other)
    page.close(run_before_unload=False)
    expect_brought_back(other)


def test_two_tabs_that_type_at_once_end_with_the_same_text_and_lose_nothing(
    live_site: Site, open_page: OpenPage, problems: Problems
) -> None:
    one = open_page()
    new_session(one, live_site, "middle\n")
    two = one.context.new_page()
    two.goto(one.url)
    steps.wait_until_ready(two)
    one.locator(".cm-content").click()
    one.keyboard.press("Control+Home")
    two.locator(".cm-content").click()
    two.keyboard.press("Control+End")
    for n in range(10):
        one.keyboard.type(f"a{n} ")
        two.keyboard.type(f"b{n} ")
    expected = "".join(f"a{n} " for n in range(10)) + "middle\n" + "".join(f"b{n} " for n in range(10))
    expect(one.locator(".cm-content")).to_contain_text("b9")
    expect(two.locator(".cm-content")).to_contain_text("a9")
    steps.expect_saved(one)
    steps.expect_saved(two)
    assert steps.editor_text(one) == steps.editor_text(two) == steps.stored_text(one) == expected
    assert problems.found == []


BEGIN_ANEW = """
from django.db import transaction
from django.utils import timezone
from sessions_app import update_log
from sessions_app.crdt.edits import between
from sessions_app.crdt.kinds import TEXT
from sessions_app.crdt.replica import Replica
from sessions_app.models import Document
with transaction.atomic():
    document = Document.objects.select_for_update().get(session="{session}")
    state = Replica(TEXT).edit(between("", "first = 1\\nanew = 2\\n"))
    update_log.start_epoch(document, state, now=timezone.now())
    update_log.write_down(document, "first = 1\\nanew = 2\\n", document.revision)
"""


def test_what_was_typed_while_the_history_was_begun_anew_is_given_back_and_doubles_nothing(
    live_site: Site, open_page: OpenPage
) -> None:
    page = open_page()
    wire = Wire(page)
    new_session(page, live_site)
    wire.cut()
    type_unheard(page, "mine = 3\n")
    begun = live_site.manage("shell", "-c", BEGIN_ANEW.format(session=page.url.split("/")[4]))
    assert begun.returncode == 0, begun.stderr
    wire.is_cut = False  # the page comes back with a history that is gone
    given_back = page.get_by_role("button", name="Copy the text")
    expect(given_back).to_be_visible()
    steps.wait_until_ready(page)
    assert steps.editor_text(page) == steps.stored_text(page) == "first = 1\nanew = 2\n"
    given_back.click()
    assert page.evaluate("navigator.clipboard.readText()") == "first = 1\nmine = 3\n"
    steps.type_at_end(page, "more = 4\n")
    steps.expect_saved(page)
    assert steps.stored_text(page) == "first = 1\nanew = 2\nmore = 4\n"


def test_leaving_asks_only_while_something_is_unsaved(live_site: Site, open_page: OpenPage) -> None:
    page = open_page()
    wire = Wire(page)
    new_session(page, live_site)
    asked: list[str] = []
    wire.is_cut = False
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    steps.type_at_end(page, "saved = 1\n")
    steps.expect_saved(page)
    page.reload()
    steps.wait_until_ready(page)
    assert asked == []
    wire.cut()
    type_unheard(page, "unsaved = 1\n")
    page.reload()
    assert asked == ["beforeunload"]


def test_line_ends_of_a_file_stay_as_they_are(live_site: Site, open_page: OpenPage) -> None:
    page = open_page()
    steps.start_as_guest(page, live_site.url)
    page.locator("#new-file").set_input_files(
        {"name": "w.py", "mimeType": "text/plain", "buffer": b"a = 1\r\nb = 2\r\n"}
    )
    expect(page.locator("#file-note")).to_have_text("w.py loaded")
    page.get_by_role("button", name="Open the session").click()
    steps.wait_until_ready(page)
    steps.type_at_end(page, "c = 3\n")
    steps.expect_saved(page)
    assert steps.stored_text(page) == "a = 1\r\nb = 2\r\nc = 3\r\n"


def test_a_text_over_the_limit_is_refused_and_kept(live_site: Site, open_page: OpenPage) -> None:
    page = open_page()
    new_session(page, live_site)
    page.locator(".cm-content").click()
    page.evaluate(
        """() => { const view = document.querySelector('.cm-content').cmTile.view;
                   view.dispatch({ changes: { from: 0, insert: 'x = 1\\n'.repeat(200000) } }); }"""
    )
    expect(page.locator("#pill")).to_have_text(re.compile("^Not saved . 1 change kept$"))
    assert steps.stored_text(page) == "first = 1\n"
    page.keyboard.press("Control+a")
    page.keyboard.type("small = 1\n")
    steps.expect_saved(page)
    assert steps.stored_text(page) == "small = 1\n"


def change(site: Site, statement: str, *values: str) -> None:
    """Changes a row of the site's database, as another process would."""
    with closing(sqlite3.connect(site.var_dir / "agentsite.sqlite3", timeout=60)) as database, database:
        assert database.execute(statement, values).rowcount == 1


def test_a_viewer_and_an_expired_session_are_read_only_and_say_why(live_site: Site, open_page: OpenPage) -> None:
    page = open_page()
    new_session(page, live_site)
    session = UUID(page.url.split("/")[4]).hex
    change(live_site, "UPDATE sessions_app_session SET status = 'expired' WHERE id = ?", session)
    page.reload()
    expect(page.locator("#pill")).to_have_text("Session expired")
    page.locator(".cm-content").click()
    page.keyboard.type("x")
    assert steps.editor_text(page) == "first = 1\n"
    page.locator("#life-notice").get_by_role("button", name="Reopen").click()
    expect(page.locator("#life-notice")).to_be_empty()
    steps.type_at_end(page, "again = 1\n")
    steps.expect_saved(page)
    change(live_site, "UPDATE sessions_app_member SET role = 'viewer' WHERE session_id = ?", session)
    page.reload()
    expect(page.locator("#pill")).to_have_text("Read-only")
    expect(page.locator("#life-notice")).to_contain_text("You are a viewer here")
    expect(page.get_by_label("What do you want?")).to_be_disabled()
