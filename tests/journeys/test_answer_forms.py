"""What models really answer, seen in the browser: what is shown, warned of and proposed, whatever form it comes in."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.corpora.answer_cases import BASE, AnswerCase, cases
from tests.journeys import steps
from tests.journeys.conftest import OpenPage, Problems
from tests.journeys.test_models import faults
from tests.journeys.test_questions import post
from tests.model_server import Behaviour, ModelServer
from tests.servers.site import Site, build, tear_down

CASES = {case.name: case for part in ("client", "product") for case in cases(part)}
INSTRUCTION = "Compare with None by identity."
BETTER = BASE.replace("== None", "is None")
WHOLE = f"Compared by identity.\n\n```python\n{BETTER}```\n"
DRAFT = "x = 1"
WATCH = """() => {
  window.shown = [];
  const hunks = document.querySelector(".hunks");
  const part = (line, name) => line.querySelector(name).textContent;
  const read = (line) => part(line, ".sign > [aria-hidden]") + part(line, ".code");
  const note = () => window.shown.push([...hunks.querySelectorAll(".hunk-lines .line")].map(read));
  new MutationObserver(note).observe(hunks, { subtree: true, childList: true });
}"""


def chunked(*deltas: dict[str, Any]) -> Behaviour:
    """A stream of these deltas, as they are."""
    chunk = {"id": "a", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    events = [f"data: {json.dumps({**chunk, 'choices': [choice]})}\n\n" for choice in choices]
    return Behaviour(raw="".join([*events, "data: [DONE]\n\n"]).encode())


def in_parts(*parts: tuple[str, str]) -> Behaviour:
    """Its content is a list of parts: what is thought, and what is said."""
    kinds = {"text": lambda text: text, "thinking": lambda text: [{"type": "text", "text": text}]}
    content = [[{"type": kind, kind: kinds[kind](text)}] for kind, text in parts]
    return chunked(*({"content": each} for each in content))


def as_an_object(text: str) -> Behaviour:
    """A 200 that is no stream."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    told = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    return Behaviour(body=json.dumps(told))


@dataclass(frozen=True, slots=True)
class Form:
    """One form of answer, and what must come of it in the browser."""

    name: str
    answers: list[Behaviour]
    text: str = BETTER
    base: str = BASE
    language: str = "python"
    instruction: str = INSTRUCTION
    requests: int = 1
    never: str = DRAFT
    """No line that is shown while it streams holds this."""
    warning: str = ""
    """On a hunk; then the check of definitions has not passed."""

    @classmethod
    def of(cls, name: str, **more: Any) -> "Form":
        """From the corpus."""
        case: AnswerCase = CASES[name]
        product = case.product or {}
        asked = {key: case.request[key] for key in ("language", "instruction") if key in case.request}
        expected = {"text": product["text"], "requests": product.get("requests", 1)}
        answers = [replace(answer, chunk=16, drip_s=0.01) for answer in case.behaviours]
        return cls(name, answers, base=case.base, **asked, **expected, **more)


FORMS = [
    Form("whole file in a fence", [Behaviour(answer=WHOLE, chunk=8)]),
    Form.of("draft_in_thoughts_thought_tag"),
    Form.of("loses_a_function_and_insists", warning="Takes away the function 'load' (line 7); nobody asked for that."),
    Form.of("hollow_body", never="# implementation omitted for ever"),
    Form.of("only_the_changed_function", never="-import"),
    Form.of("before_and_after_of_a_function", never="-import"),
    Form.of("search_replace_in_a_dockerfile", never="SEARCH"),
    Form.of("apply_patch_in_yaml", never="***"),
    Form.of("diff_in_a_yaml_fence", never="+++ b"),
    Form.of("hunk_without_numbers", never="@@"),
    Form.of("fence_in_a_list_item"),
    Form.of("markdown_cut_off_behind_a_fence"),
    Form("parts", [in_parts(("thinking", f"```python\n{DRAFT}\n```\n"), ("text", WHOLE[:40]), ("text", WHOLE[40:]))]),
    Form("no stream", [as_an_object(WHOLE)]),
    Form.of("hidden_thoughts_spend_the_limit"),
]


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture(scope="module")
def site(model: ModelServer) -> Iterator[Site]:
    site = build(environment={"MODEL_ENDPOINT_URL": model.url, "MODEL_ENDPOINT_MODEL": "stand-in"})
    try:
        site.start()
        yield site
    finally:
        tear_down(site)


def ask(page: Page, site: Site, form: Form) -> None:
    new = {"title": form.name, "text": form.base, "language": form.language}
    session = post(page, "/v1/sessions", new)["id"]
    page.goto(f"{site.url}/sessions/{session}/")
    steps.wait_until_ready(page)
    page.evaluate(WATCH)
    page.get_by_label("What do you want?").fill(form.instruction)
    page.get_by_label("What kind of request").select_option("refine_code")
    steps.send(page)


def tone(page: Page, check: str) -> str:
    """What a check of the proposal says of itself, and how it looks."""
    tag = page.locator(".check-list .tag", has_text=check)
    return f"{tag.text_content()} ({tag.get_attribute('class')})"


def see(page: Page, site: Site, model: ModelServer, form: Form) -> None:
    begun = model.count
    model.then(*form.answers)
    ask(page, site, form)
    steps.wait_for_outcome(page)
    steps.wait_for_hunks(page)
    assert model.count == begun + form.requests
    shown = [line for lines in page.evaluate("window.shown") for line in lines]
    assert [line for line in shown if form.never in line] == []
    expect(page.locator('.hunk[data-status="provisional"]')).to_have_count(0)
    warnings = page.locator(".hunk-warnings li").all_text_contents()
    if form.warning:
        assert [warning for warning in warnings if form.warning in warning], warnings
        assert tone(page, "Definitions") == "Definitions: failed (tag bad)"
    else:
        assert warnings == []
        assert not page.locator(".check-list .tag.bad").count()
    if form.language == "dockerfile":
        assert tone(page, "Findings") == "Findings: not checked (tag unchecked)"
    if form.warning or form.language == "dockerfile":
        assert faults(page) == []
    page.locator(".review-actions").get_by_role("button", name="Accept").click()
    expect(page.locator('.hunk[data-status="open"]')).to_have_count(0)
    assert steps.stored_text(page) == form.text


@pytest.mark.timeout(240)
def test_every_form_is_proposed_as_what_it_means(
    site: Site, model: ModelServer, open_page: OpenPage, problems: Problems
) -> None:
    page = open_page()
    steps.start_as_guest(page, site.url)
    for form in FORMS:
        try:
            see(page, site, model, form)
        except AssertionError as error:
            error.add_note(f"The form: {form.name}")
            raise
        assert problems.found == [], form.name


def test_a_draft_in_thoughts_that_nothing_opened_goes_when_they_close(
    site: Site, model: ModelServer, open_page: OpenPage, problems: Problems
) -> None:
    form = Form.of("draft_in_thoughts_without_opening")
    [answer] = form.answers
    assert isinstance(answer.answer, str)
    closed = answer.answer.index("</think>") + len("</think>\n")
    model.then(replace(answer, chunk=closed, drip_s=0, stall_after=1, then_goes_on=True, keep_alive=True))
    page = open_page()
    steps.start_as_guest(page, site.url)
    ask(page, site, form)
    expect(page.locator(".stream-text")).to_contain_text("No, better", timeout=steps.RUN_ENDS_MS)
    expect(page.locator(".hunk")).to_have_count(0)
    model.go_on()
    steps.wait_for_outcome(page)
    steps.wait_for_hunks(page)
    page.locator(".review-actions").get_by_role("button", name="Accept").click()
    expect(page.locator('.hunk[data-status="open"]')).to_have_count(0)
    assert steps.stored_text(page) == form.text
    assert problems.found == []


FAILURES = [
    pytest.param(
        CASES["limit_spent_on_thoughts"].behaviours[-1],
        ["the limit was spent on thinking", "Ask for a smaller change", "2 steps are kept"],
        True,
        id="the limit spent on thinking",
    ),
    pytest.param(
        CASES["error_object_with_200"].behaviours[-1],
        ["endpoint reported an error", "Model is not loaded.", "tell whoever runs the site"],
        False,
        id="an error in a 200",
    ),
    pytest.param(
        CASES["no_money_left"].behaviours[-1],
        ["refuses our account", "You exceeded your current quota", "Only whoever runs the site can set that right"],
        True,
        id="no money left",
    ),
]


@pytest.mark.parametrize(("answer", "told", "lasts"), FAILURES)
def test_a_failure_is_told_in_the_endpoints_words_with_what_to_do_next(
    site: Site,
    model: ModelServer,
    open_page: OpenPage,
    problems: Problems,
    answer: Behaviour,
    told: list[str],
    lasts: bool,
) -> None:
    model.default = answer
    page = open_page()
    steps.start_as_guest(page, site.url)
    ask(page, site, FORMS[0])
    steps.wait_for_outcome(page, "failed")
    failure = page.locator(".turn").get_by_role("alert")
    for words in [*told, "Your code is as it was."]:
        expect(failure).to_contain_text(words)
    retry = page.get_by_role("button", name="Retry")
    assert ("primary" in (retry.get_attribute("class") or "")) is not lasts
    expect(page.get_by_role("button", name="Show what it wrote")).to_have_count(0)
    assert steps.stored_text(page) == BASE
    model.default = FORMS[0].answers[0]
    retry.click()
    steps.wait_for_outcome(page)
    steps.wait_for_hunks(page)
    assert problems.found == []
