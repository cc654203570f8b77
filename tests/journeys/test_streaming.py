"""A real model that is slow, fails or is cut off, seen from the page: its text, its hunks, its end, and a way on."""

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from refine_app.model_clients.tokens import estimate
from tests.graphs_app.cast import wait_until
from tests.journeys import steps
from tests.journeys.conftest import OpenPage, Problems
from tests.journeys.test_questions import post
from tests.model_server import Behaviour, ModelServer
from tests.refine_app.test_from_request_to_follow_up import Program, frames_until
from tests.servers.site import Site, asking

FUNCTIONS = 24
CODE = "\n\n".join(
    f"def function_{n}(value):\n    first = value\n    second = [first]\n    third = (second, first)\n"
    f"    if value == None:\n        return third\n    return {n}\n"
    for n in range(FUNCTIONS)
)
SLOW = Behaviour(drip_s=0.06, chunk=32)
STALLED = Behaviour(stall_after=60, keep_alive=True)
HELD = Behaviour(drip_s=0.02, chunk=32, stall_after=40, then_goes_on=True, keep_alive=True)

RECORD = """() => {
  const said = () => document.querySelector(".turn .run-line .tag")?.textContent;
  window.seen = [said()];
  const note = (words) => words && window.seen.at(-1) !== words && window.seen.push(words);
  new MutationObserver(() => note(said()))
    .observe(document.querySelector("#conversation"), { subtree: true, childList: true, characterData: true });
}"""
CALLS = """async () => {
  const answer = await fetch("/v1/model-calls?limit=2");
  return (await answer.json()).results;
}"""


@pytest.fixture(scope="module")
def one_model() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture
def model(one_model: ModelServer) -> ModelServer:
    one_model.script.clear()
    one_model.default = Behaviour()
    return one_model


@pytest.fixture(scope="module")
def site(one_model: ModelServer) -> Iterator[Site]:
    """One for all of them: whoever kills it starts it again."""
    with asking(one_model.url, MODEL_ENDPOINT_INPUT_USD="1", MODEL_ENDPOINT_OUTPUT_USD="1") as site:
        yield site


def ask(page: Page, site: Site) -> None:
    steps.start_as_guest(page, site.url)
    steps.open_session(page, CODE)
    page.get_by_label("What do you want?").fill("Compare with None by identity")
    page.get_by_label("What kind of request").select_option("refine_code")
    steps.send(page)


def written(page: Page) -> str:
    return page.locator(".stream-text").text_content() or ""


def wait_for_text(page: Page, least: int) -> str:
    """What the agent has written, once it is so long."""
    longer = f"() => document.querySelector('.stream-text')?.textContent.length >= {least}"
    page.wait_for_function(longer, timeout=steps.RUN_ENDS_MS)
    return written(page)


def test_text_grows_and_hunks_come_while_the_model_writes(
    site: Site, model: ModelServer, open_page: OpenPage, problems: Problems
) -> None:
    model.then(HELD)
    page = open_page()
    ask(page, site)
    first = wait_for_text(page, 100)
    later = wait_for_text(page, 40 * HELD.chunk)
    assert later.startswith(first)
    expect(page.locator('.hunk[data-status="provisional"]').first).to_be_visible()
    expect(page.locator(".turn")).to_have_attribute("data-status", "running")
    assert page.locator(".hunk").count() < FUNCTIONS
    model.go_on()
    steps.wait_for_outcome(page)
    expect(page.locator('.hunk[data-status="open"]')).to_have_count(FUNCTIONS)
    expect(page.locator('.hunk[data-status="provisional"]')).to_have_count(0)
    assert problems.found == []


def test_who_comes_in_mid_run_sees_what_was_written_and_stop_is_told_in_two_stages(
    site: Site, model: ModelServer, open_page: OpenPage, problems: Problems
) -> None:
    model.then(STALLED)
    page = open_page()
    ask(page, site)
    text = wait_for_text(page, 60 * STALLED.chunk)
    provisional = page.locator('.hunk[data-status="provisional"]')
    seen = provisional.count()
    page.reload()
    steps.wait_until_ready(page)
    expect(page.locator(".stream-text")).to_have_text(text, use_inner_text=False)
    # The last bit of a stalled answer reaches the diff a moment after the text: by now there may be more, never less.
    expect(provisional.nth(max(seen - 1, 0))).to_be_visible()
    page.evaluate(RECORD)
    page.get_by_role("button", name="Stop").click()
    steps.wait_for_outcome(page, "cancelled")
    assert page.evaluate("window.seen") == ["Running", "Stopping…", "Stopped"]
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    expect(page.locator(".stream")).to_be_visible()
    assert written(page) == text, "what was written stays to be read"
    assert problems.found == []


def test_a_refinement_that_is_stopped_or_fails_leaves_no_hunks_and_the_badge_counts_those_that_are_open(
    site: Site, model: ModelServer, open_page: OpenPage, problems: Problems
) -> None:
    page = open_page()
    ask(page, site)
    steps.wait_for_outcome(page)
    badge = page.locator('.bar [data-count="review"], [data-count="review"]').first
    expect(badge).to_have_text(str(FUNCTIONS))

    model.then(STALLED)
    page.get_by_label("What do you want?").fill("Compare with None by identity, once more")
    page.get_by_label("What kind of request").select_option("refine_code")
    steps.send(page)
    provisional = page.locator('.hunk[data-status="provisional"]')
    expect(provisional.first).to_be_visible(timeout=steps.RUN_ENDS_MS)
    expect(badge).to_have_text(str(FUNCTIONS))
    page.get_by_role("button", name="Stop").click()
    steps.wait_for_outcome(page, "cancelled")
    expect(page.locator(".hunk")).to_have_count(0)
    expect(page.locator(".review-extra")).to_contain_text(re.compile(r"stopped before it proposed.* (is|are) gone"))
    expect(badge).to_have_text(str(FUNCTIONS))

    model.then(Behaviour(chunk=32, hang_up_after=60))
    model.default = Behaviour(status=503, headers={"Retry-After": "0"})
    page.get_by_role("button", name="Ask again").last.click()
    steps.wait_for_outcome(page, "failed")
    expect(page.locator(".hunk")).to_have_count(0)
    expect(page.locator(".review-extra")).to_contain_text("failed before it proposed")
    page.get_by_role("button", name=f"Review the {FUNCTIONS} hunks of an earlier request").click()
    expect(page.locator('.hunk[data-status="open"]')).to_have_count(FUNCTIONS)
    assert problems.found == []


def test_a_run_that_tells_nothing_for_half_a_minute_says_so_and_can_be_stopped(
    site: Site, model: ModelServer, open_page: OpenPage
) -> None:
    model.then(Behaviour(stall_after=5, keep_alive=True))
    page = open_page()
    page.clock.install()
    ask(page, site)
    expect(page.locator(".stream-text")).to_contain_text("Compared", timeout=steps.RUN_ENDS_MS)
    quiet = page.locator(".quiet-note")
    expect(quiet).to_have_count(0)
    page.clock.run_for(32_000)
    expect(quiet).to_contain_text("No news for 30 s")
    page.get_by_role("button", name="Stop").click()
    steps.wait_for_outcome(page, "cancelled")
    expect(quiet).to_have_count(0)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Behaviour(status=503, headers={"Retry-After": "0"}), id="503"),
        pytest.param(Behaviour(raw=b"data: {not json\n\n"), id="garbage"),
    ],
)
def test_a_model_that_fails_is_told_with_what_is_kept_and_retry_goes_on_from_there(
    site: Site, model: ModelServer, open_page: OpenPage, problems: Problems, fault: Behaviour
) -> None:
    model.default = fault
    page = open_page()
    ask(page, site)
    steps.wait_for_outcome(page, "failed")
    failure = page.locator(".turn").get_by_role("alert")
    expect(failure).to_contain_text("The run failed")
    expect(failure).to_contain_text("Your code is as it was")
    expect(failure).to_contain_text(re.compile(r"\d steps? (is|are) kept"))
    expect(failure).to_contain_text(re.compile(r"run [0-9a-f-]{36}"))
    assert steps.stored_text(page) == CODE

    model.default = Behaviour()
    page.get_by_role("button", name="Retry").click()
    steps.wait_for_outcome(page)
    expect(page.locator(".turn")).to_have_count(1)
    expect(page.locator('.hunk[data-status="open"]')).to_have_count(FUNCTIONS)
    expect(page.locator('.step[data-status="completed"]').first).to_be_visible()
    assert problems.found == []


def test_where_a_retry_fails_in_the_same_way_the_page_says_to_ask_again(
    site: Site, model: ModelServer, open_page: OpenPage
) -> None:
    model.default = Behaviour(answer="I would rather not.")
    page = open_page()
    ask(page, site)
    steps.wait_for_outcome(page, "failed")
    page.get_by_role("button", name="Retry").click()
    expect(page.locator(".turn").get_by_role("alert")).to_contain_text("in the same way")
    model.default = Behaviour()
    page.get_by_role("button", name="Ask again").click()
    steps.wait_for_outcome(page, turn=1)
    expect(page.locator('.hunk[data-status="open"]')).to_have_count(FUNCTIONS)


def test_a_server_that_is_killed_in_mid_run_goes_on_and_so_does_the_page(
    site: Site, model: ModelServer, open_page: OpenPage
) -> None:
    model.then(STALLED)
    page = open_page()
    ask(page, site)
    wait_for_text(page, 60 * STALLED.chunk)
    heard = estimate("x" * 60 * STALLED.chunk)
    wait_until(lambda: [one["tokens"]["completion"] for one in page.evaluate(CALLS)] == [heard])
    model.default = SLOW
    site.kill()
    expect(page.locator("#pill")).to_have_text("Offline")
    steps.type_at_end(page, "after = 1\n")
    site.start()
    expect(page.locator("#pill")).to_have_text(re.compile("^Saved"), timeout=steps.RUN_ENDS_MS)
    steps.wait_for_outcome(page)
    expect(page.locator('.hunk[data-status="open"]')).to_have_count(FUNCTIONS)
    assert steps.stored_text(page) == CODE + "after = 1\n"
    again, lost = page.evaluate(CALLS)
    assert (lost["outcome"], lost["tokens"]["completion"], lost["discarded"]) == ("lost", heard, 60 * STALLED.chunk)
    assert (again["outcome"], again["duplicate"]) == ("completed", True)


def test_a_prompt_and_a_task_are_done_by_the_model_that_the_environment_alone_names(
    site: Site, model: ModelServer
) -> None:
    """With the URL of a server and nothing else set up; code is refined so by all the other tests of this file."""
    program = Program(site)
    better = "You are a careful reviewer. Name each fault with its line.\n"
    model.then(
        Behaviour(answer=json.dumps({"points": [{"message": "It does not say what to name."}]})),
        Behaviour(answer=f"```markdown\n{better}```\n"),
    )
    new = {"title": "a prompt", "text": "Review this.\n", "language": "markdown"}
    session = program.post("/v1/sessions", new)["id"]
    asked = program.post(f"/v1/sessions/{session}/requests", {"intent": "refine_prompt", "instruction": "Sharpen it"})
    with program.watch(session) as socket:
        frames_until(socket, "run.completed", "run.failed", run=asked["run"]["id"])
    [proposal] = program.get(f"/v1/sessions/{session}/proposals")["results"]
    assert "+You are a careful reviewer." in proposal["diff"]
    assert proposal["endpoint"] == "environment"

    chosen = {"agent_name": "CodeAgent", "confidence": 0.9, "reasoning": "It is about code."}
    model.then(Behaviour(answer=json.dumps(chosen)), Behaviour(answer="```python\nprint('hello')\n```\n"))
    task = program.post("/v1/agent/execute", {"task": "Write a program that says hello"})
    with program.watch(task["session_id"]) as socket:
        frames_until(socket, "run.completed", "run.failed", run=task["task_id"])
    done = program.get(f"/v1/tasks/{task['task_id']}")
    assert (done["status"], done["selected_agent"]) == ("completed", "CodeAgent")
    assert "print('hello')" in done["result"]["raw_output"]


def test_at_the_end_of_its_budget_a_run_asks_on_the_page_and_goes_on_or_ends_as_a_person_says(
    site: Site, model: ModelServer, open_page: OpenPage, problems: Problems
) -> None:
    page = open_page()
    steps.start_as_guest(page, site.url)
    steps.open_session(page, CODE)
    session = page.url.split("/")[4].split("?")[0]
    begun = model.count
    asked = {
        "graph": "ask",
        "session": session,
        "initial_state": {"instruction": "What is it?"},
        "budget_usd": 0.000001,
    }
    post(page, "/v1/runs", asked)
    question = page.locator("form.question")
    expect(question).to_contain_text("Nothing was asked", timeout=steps.RUN_ENDS_MS)
    expect(question).to_contain_text("cheaper: go on with a model that costs no more than is left")
    assert model.count == begun
    model.then(Behaviour(answer="It compares with None."))
    question.get_by_label("raise").check()
    question.get_by_label("New budget in $").fill("1")
    question.get_by_role("button", name="Answer").click()
    steps.wait_for_outcome(page)
    assert model.count == begun + 1

    post(page, "/v1/runs", asked)
    expect(question).to_contain_text("Nothing was asked", timeout=steps.RUN_ENDS_MS)
    question.get_by_label("stop").check()
    question.get_by_role("button", name="Answer").click()
    steps.wait_for_outcome(page, "failed")
    expect(page.locator(".turn").last.get_by_role("alert")).to_contain_text("The budget of this run is $0.000001")
    assert (model.count, problems.found) == (begun + 1, [])
