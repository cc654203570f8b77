"""What nobody would see is marked wherever a text is shown: review, editor, streams, history, runs, names, pages."""

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.journeys import steps
from tests.journeys.conftest import PHONE, OpenPage, Problems
from tests.journeys.test_history import open_history
from tests.journeys.test_questions import post
from tests.model_server import Behaviour, ModelServer
from tests.servers.site import Site, asking

SAFE = "let access = 'user';\n// שלום 👩‍👩‍👧\nif (access != 'user') {\n  alert('an admin');\n}\n"
EVIL = (
    "let access = 'user';\n// שלום 👩‍👩‍👧\n"
    "if (access != 'user\u202e \u2066// only for admins\u2069 \u2066') {\n"
    "  alert('an\u200b admin\u00a0', \u0430ccess, \u017fystem);\n}\n"
)
ANSWER = f"It is sa\u202efe now.\n\n```javascript\n{EVIL}```\n"
RAW = """() => {
  const hidden = /[\\u00ad\\u061c\\u200b\\u200e\\u200f\\u202a-\\u202e\\u2061-\\u2069\\ufeff\\u3164]/;
  const found = [];
  const note = (where, text) => hidden.test(text ?? "") && found.push(`${where}: ${text}`);
  note("page title", document.title);
  const walker = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (node.data === "\\u200b" || parent.closest("script, style, textarea")) continue;
    note(parent.className || parent.localName, node.data);
  }
  for (const element of document.querySelectorAll("[title], [aria-label], [alt]"))
    for (const name of ["title", "aria-label", "alt"]) note(`${element.localName} ${name}`, element.getAttribute(name));
  return found;
}"""
NAMES = """
from graphs_app.models import Graph, GraphVersion
from refine_app.models import Prompt
from sessions_app.models import Session, User
Session.objects.update(title="Pay\\u202eroll")
User.objects.filter(is_guest=True).update(name="An\\u200ba")
Prompt.objects.create(name="hidden", description="So\\u202eft")
Graph.objects.update(name="Refi\\u2066ne")
GraphVersion.objects.update(title="Fi\\u202erst", note="No\\u00adte")
"""


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    with ModelServer() as server:
        server.default = Behaviour(answer=lambda _: ANSWER)
        yield server


@pytest.fixture(scope="module")
def site(model: ModelServer) -> Iterator[Site]:
    with asking(model.url) as site:
        yield site


def ask(page: Page, site: Site) -> None:
    steps.start_as_guest(page, site.url)
    steps.open_session(page, SAFE, language="javascript")
    page.get_by_label("What do you want?").fill("Make the che\u202eck safe")
    page.get_by_label("What kind of request").select_option("refine_code")
    steps.send(page)
    steps.wait_for_hunks(page)


def expect_marked(page: Page, place: str, label: str = "U+202E") -> None:
    expect(page.locator(f"{place} .hidden-character", has_text=label).first).to_be_attached()
    assert page.evaluate(RAW) == []


def test_a_trojan_source_is_marked_and_told_wherever_it_is_shown(
    site: Site, open_page: OpenPage, problems: Problems
) -> None:
    page = open_page()
    ask(page, site)
    expect_marked(page, ".turn")
    expect_marked(page, ".stream-text")
    expect_marked(page, ".review-summary")
    expect_marked(page, ".hunk .line.come")
    expect_marked(page, ".hunk .line.come", "U+00A0")
    expect_marked(page, ".cm-proposed-come")
    expect_marked(page, ".cm-proposed-come", "U+200B")
    for letter in ("U+0430", "U+017F"):
        for place in (".stream-text", ".hunk .line.come", ".cm-proposed-come"):
            expect_marked(page, place, letter)
    expect(page.locator(".hunk-warnings")).to_contain_text("Adds U+202E RIGHT-TO-LEFT OVERRIDE at line 3")
    expect(page.locator(".hunk-warnings")).to_contain_text("\u0430ccess, whose U+0430 only looks like a Latin letter")
    expect(page.locator(".check-list")).to_contain_text("Hidden characters: failed")
    mark = page.locator(".hunk .hidden-character").first
    expect(mark).to_have_attribute("title", "U+202E RIGHT-TO-LEFT OVERRIDE")
    expect(mark).to_have_attribute("aria-label", "U+202E RIGHT-TO-LEFT OVERRIDE")
    # What people write on purpose is not marked, and nothing that is marked is lost.
    expect(page.locator(".cm-line .hidden-character")).to_have_count(0)
    page.get_by_role("button", name=re.compile("^Accept")).first.click()
    expect(page.locator('.hunk[data-status="accepted"]').first).to_be_visible()
    expect_marked(page, ".cm-line")
    expect_marked(page, ".cm-line", "U+017F")
    steps.wait_until_same(page)
    assert steps.stored_text(page) == EVIL
    open_history(page)
    page.locator(".history-entry").first.click()
    expect_marked(page, ".history-preview")
    assert problems.found == []


def test_runs_names_titles_and_lists_are_marked_too(site: Site, open_page: OpenPage, problems: Problems) -> None:
    page = open_page()
    ask(page, site)
    workspace = page.url
    run = page.evaluate("async () => (await (await fetch('/v1/runs?limit=1')).json()).results[0].id")
    named = site.manage("shell", "-c", NAMES)
    assert named.returncode == 0, named.stderr
    page.goto(f"{site.url}/runs/{run}/")
    expect(page.locator("#status")).to_have_text("Done", timeout=steps.RUN_ENDS_MS)
    page.locator("button.step").last.click()
    expect_marked(page, "pre.value")
    page.goto(workspace)
    steps.wait_until_ready(page)
    assert "[U+202E]" in page.title()
    assert page.evaluate(RAW) == []
    page.goto(site.url)
    expect_marked(page, ".session")
    page.goto(f"{site.url}/graph/")
    expect_marked(page, "main", "U+2066")
    page.goto(f"{site.url}/prompts/")
    expect_marked(page, "main")
    page.goto(f"{site.url}/prompts/hidden/")
    expect_marked(page, "main")
    assert problems.found == []


def test_a_name_that_hides_something_is_refused_with_its_place(site: Site, open_page: OpenPage) -> None:
    page = open_page()
    steps.start_as_guest(page, site.url)
    refused = page.evaluate(
        """async () => {
          const token = document.querySelector('meta[name="csrf-token"]').content;
          const answer = await fetch("/v1/sessions", {method: "POST", body: JSON.stringify({title: "Pay\\u202eroll"}),
            headers: {"Content-Type": "application/json", "X-CSRFToken": token}});
          return [answer.status, (await answer.json()).errors[0]];
        }"""
    )
    assert refused[0] == 422
    assert refused[1]["code"] == "hidden_character"
    assert "U+202E RIGHT-TO-LEFT OVERRIDE at position 3" in refused[1]["message"]


def test_operators_lists_are_marked(site: Site, open_page: OpenPage) -> None:
    create = "User.objects.create_superuser('boss', password='boss', name='Bo\u202ess')"
    made = site.manage("shell", "-c", f"from sessions_app.models import User; {create}")
    assert made.returncode == 0, made.stderr
    page = open_page()
    page.goto(f"{site.url}/admin/login/")
    page.get_by_label("Username").fill("boss")
    page.get_by_label("Password").fill("boss")
    page.get_by_role("button", name="Log in").click()
    page.goto(f"{site.url}/admin/sessions_app/user/?q=boss")
    expect_marked(page, "#result_list")


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_marks_can_be_read_on_a_phone_in_both_themes(site: Site, open_page: OpenPage, colours: str) -> None:
    page = open_page(color_scheme=colours)
    ask(page, site)
    page.set_viewport_size(PHONE)
    page.locator('[data-show="review"]:visible').first.click()
    expect(page.locator(".hunk-warnings").first).to_be_visible()
    expect(page.locator(".hunk .hidden-character").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    violations = Axe().run(page, context="#review").response["violations"]
    assert [f"{one['id']}: {[node['html'] for node in one['nodes']]}" for one in violations] == []


def test_a_graphs_labels_are_marked_on_its_pages_and_in_its_pictures(site: Site, open_page: OpenPage) -> None:
    page = open_page()
    steps.start_as_guest(page, site.url)
    definition = {
        "v": 1,
        "name": "Labels",
        "entry_node": "first",
        "nodes": [
            {"node_id": "first", "tool": "compute", "label": "Fi\u202erst", "config": {"set": {"x": "1"}}},
            {"node_id": "second", "tool": "compute", "label": "Sec\u200bond", "config": {"set": {"y": "x"}}},
        ],
        "edges": [{"from_node": "first", "to_node": "second", "label": "go\u2066es"}],
    }
    graph = post(page, "/v1/graphs", definition)
    page.goto(f"{site.url}/graph/{graph['slug']}/")
    expect(page.locator("html")).to_have_attribute("data-ready", "true")
    expect(page.locator("svg.drawing")).to_contain_text("Fi[U+202E]rst")
    expect_marked(page, "#outline")
    page.goto(f"{site.url}/graph/{graph['slug']}/versions/")
    assert page.evaluate(RAW) == []
    picture = page.request.get(f"{site.url}/v1/graphs/{graph['slug']}/export?as=svg").text()
    assert "Fi[U+202E]rst" in picture
    assert "\u202e" not in picture
    assert "\u2066" not in picture
