"""A run that asks people: its questions are on the page, with a form each, and their answers make it go on."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.journeys import steps
from tests.journeys.conftest import OpenPage, Problems
from tests.servers.site import Site

LINE = {
    "type": "object",
    "required": ["name", "lines", "strict", "style"],
    "properties": {
        "name": {"type": "string", "minLength": 2, "pattern": "^[a-z_]+$", "description": "In small letters"},
        "lines": {"type": "integer", "minimum": 1, "maximum": 400},
        "strict": {"type": "boolean"},
        "style": {"enum": ["terse", "plain", "full"]},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
}
DEFAULT = {"name": "first_one", "lines": 40, "strict": True, "style": "plain"}


def ask(node_id: str, question: str, **config: Any) -> dict[str, Any]:
    return {
        "node_id": node_id,
        "tool": "ask_human",
        "config": {"question": question, "write": node_id, **config},
    }


def run_in_session(page: Page, nodes: list[dict[str, Any]], edges: list[list[str]], name: str) -> dict[str, Any]:
    """Creates the graph and runs it in the session that the page shows, by REST as the same person."""
    definition = {
        "name": name,
        "nodes": nodes,
        "edges": [{"from_node": a, "to_node": b} for a, b in edges],
        "entry_node": nodes[0]["node_id"],
    }
    return post(
        page,
        "/v1/runs",
        {"graph": post(page, "/v1/graphs", definition)["slug"], "session": page.url.split("/")[4].split("?")[0]},
    )


def post(page: Page, path: str, body: dict[str, Any]) -> dict[str, Any]:
    token = next(each["value"] for each in page.context.cookies() if each.get("name") == "csrftoken")
    site = re.sub(r"(?<=\d)/.*", "", page.url)
    answer = page.request.post(
        f"{site}{path}",
        data=json.dumps(body),
        headers={"Content-Type": "application/json", "X-CSRFToken": token, "Referer": f"{site}/"},
    )
    assert answer.ok, answer.text()
    made: dict[str, Any] = answer.json()
    return made


def state_of(page: Page, run: str) -> dict[str, Any]:
    """The run's state, once the page shows that it has ended."""
    steps.wait_for_outcome(page)
    found: dict[str, Any] = page.request.get(f"{re.sub(r'(?<=[0-9])/.*', '', page.url)}/v1/runs/{run}").json()["state"]
    return found


def question(page: Page, words: str) -> Locator:
    return page.get_by_role("form", name=words)


@pytest.fixture
def page(live_site: Site, open_page: OpenPage) -> Page:
    page = open_page()
    steps.start_as_guest(page, live_site.url)
    steps.open_session(page, "x = 1\n")
    return page


def test_a_question_becomes_a_form_of_its_schema_and_its_answer_is_the_runs_state(
    page: Page, problems: Problems
) -> None:
    run = run_in_session(page, [ask("setup", "How shall it be done?", schema=LINE, default=DEFAULT)], [], "One form")
    form = question(page, "How shall it be done?")
    expect(form).to_be_visible()
    expect(page.locator(".turn .run-line")).to_contain_text("Waiting for an answer")
    expect(page).to_have_title(re.compile("^Asks you"))
    expect(form.get_by_label("Name")).to_have_value("first_one")
    expect(form.get_by_label("Lines")).to_have_value("40")
    expect(form.get_by_role("group", name="Strict").get_by_label("Yes")).to_be_checked()
    expect(form.get_by_role("group", name="Style").get_by_label("plain")).to_be_checked()

    form.get_by_label("Name").fill("second")
    form.get_by_label("Lines").fill("7")
    form.get_by_role("group", name="Strict").get_by_label("No").check()
    form.get_by_role("group", name="Style").get_by_label("full").check()
    form.get_by_label("Tags").fill('["a", "b"]')
    form.get_by_role("button", name="Answer").click()
    expect(form).to_have_count(0)
    answer = {"name": "second", "lines": 7, "strict": False, "style": "full", "tags": ["a", "b"]}
    assert state_of(page, run["id"])["setup"] == answer
    assert problems.found == []


def test_what_is_wrong_is_said_at_its_field_and_nothing_is_sent_or_lost(page: Page, problems: Problems) -> None:
    run = run_in_session(page, [ask("setup", "How?", schema=LINE, default=DEFAULT)], [], "Faults")
    form = question(page, "How?")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.url.endswith("/resume") else None)
    form.get_by_label("Lines").fill("0")
    form.get_by_label("Tags").fill("[1,")
    form.get_by_role("button", name="Answer").click()
    expect(form.get_by_label("Lines")).to_be_focused()
    expect(form.get_by_label("Lines")).to_have_attribute("aria-invalid", "true")
    expect(form.get_by_label("Lines")).to_have_accessible_description(re.compile("greater than or equal to 1"))
    expect(form.get_by_label("Tags")).to_have_accessible_description(re.compile("not JSON"))
    assert sent == []

    # What only the server knows comes back to its field as well.
    form.get_by_label("Lines").fill("3")
    form.get_by_label("Tags").fill("[1]")
    form.get_by_role("button", name="Answer").click()
    expect(form.get_by_label("Tags")).to_be_focused()
    expect(form.get_by_label("Tags")).to_have_accessible_description(re.compile("not of type 'string'"))
    expect(form.get_by_label("Lines")).to_have_value("3")
    form.get_by_label("Tags").fill("")
    form.get_by_role("button", name="Answer").click()
    assert state_of(page, run["id"])["setup"] == DEFAULT | {"lines": 3}
    # The answer that was refused is in the console as the browser puts it there, and nothing else.
    assert [each for each in problems.found if "422" not in each] == []


def test_several_questions_wait_at_once_and_answering_one_leaves_the_others_as_they_are(page: Page) -> None:
    nodes = [
        {"node_id": "begin", "tool": "set_state", "config": {"values": {"ready": "true"}}, "route": "every"},
        ask("one", "What is the first?"),
        ask("two", "What is the second?", schema={"type": "number"}),
        ask("three", "Which one?", schema={"enum": list("abcdefg")}, default="c"),
    ]
    edges = [["begin", "one"], ["begin", "two"], ["begin", "three"]]
    run = run_in_session(page, nodes, edges, "Three")
    expect(page.locator("form.question")).to_have_count(3)
    expect(question(page, "Which one?").get_by_label("Your answer")).to_have_value("2")
    question(page, "What is the second?").get_by_label("Your answer").fill("2.5")
    first = question(page, "What is the first?")
    first.get_by_label("Your answer").fill("the first")
    first.get_by_role("button", name="Answer").click()
    expect(page.locator("form.question")).to_have_count(2)
    expect(question(page, "What is the second?").get_by_label("Your answer")).to_have_value("2.5")
    question(page, "What is the second?").get_by_role("button", name="Answer").click()
    expect(page.locator("form.question")).to_have_count(1)
    question(page, "Which one?").get_by_role("button", name="Answer").click()
    expect(page.locator("form.question")).to_have_count(0)
    state = state_of(page, run["id"])
    assert [state["one"], state["two"], state["three"]] == ["the first", 2.5, "c"]


def test_a_question_is_answered_by_keys_alone_after_the_page_was_loaded_again(page: Page) -> None:
    run = run_in_session(page, [ask("go", "Shall it go on?", schema={"type": "boolean"})], [], "Keys")
    expect(question(page, "Shall it go on?")).to_be_visible()
    page.reload()
    expect(question(page, "Shall it go on?")).to_be_visible()
    page.locator("#conversation").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Yes")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("No")).to_be_checked()
    page.keyboard.press("Enter")
    expect(page.locator("form.question")).to_have_count(0)
    assert state_of(page, run["id"])["go"] is False


def test_the_time_that_is_left_runs_down_and_the_default_is_taken(page: Page) -> None:
    run_in_session(page, [ask("go", "Quick?", schema={"type": "string"}, default="no", timeout_s=600)], [], "In time")
    left = question(page, "Quick?").locator(".question-left")
    expect(left).to_have_text(re.compile(r"^(10:00|9:\d\d) until the default is taken$"))
    before = left.inner_text()
    expect(left).not_to_have_text(before)


def test_an_answer_that_came_too_late_is_told_and_the_next_question_shows(page: Page) -> None:
    run = run_in_session(page, [ask("one", "Who is first?"), ask("two", "And then?")], [["one", "two"]], "Race")
    form = question(page, "Who is first?")
    form.get_by_label("Your answer").fill("me")
    theirs = {"interrupt": form.get_attribute("data-interrupt"), "value": "they"}

    def let_another_answer_first(route: Route) -> None:
        post(page, f"/v1/runs/{run['id']}/resume", theirs)
        route.continue_()

    page.route("**/resume", let_another_answer_first)
    form.get_by_role("button", name="Answer").click()
    expect(page.locator("#notices")).to_contain_text("Your answer came too late")
    expect(form).to_have_count(0)
    expect(question(page, "And then?")).to_be_visible()


def test_a_question_shows_while_another_branch_still_works(page: Page) -> None:
    nodes = [
        {"node_id": "begin", "tool": "set_state", "config": {"values": {"ready": "true"}}, "route": "every"},
        ask("one", "Meanwhile?"),
        {"node_id": "slow", "tool": "sleep", "config": {"seconds": 30}},
    ]
    run_in_session(page, nodes, [["begin", "one"], ["begin", "slow"]], "Branches")
    form = question(page, "Meanwhile?")
    form.get_by_label("Your answer").fill("yes")
    form.get_by_role("button", name="Answer").click()
    expect(form).to_have_count(0)
    expect(page.locator('.step[data-node="one"]')).to_have_attribute("data-status", "completed")
    expect(page.locator('.step[data-node="slow"]')).to_have_attribute("data-status", "started")
    box = page.get_by_label("What do you want?")
    box.fill("And then this")
    box.press("Control+Enter")
    expect(page.get_by_text("Another request is running.")).to_be_visible()
    expect(box).to_have_value("And then this")
    page.get_by_role("button", name="Stop").click()  # it stands where Send was
    steps.wait_for_outcome(page, "cancelled")
    expect(page.get_by_text("Another request is running.")).to_be_hidden()
    expect(page.get_by_role("button", name="Send")).to_be_visible()
