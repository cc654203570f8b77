"""Those who run the site look after its models, prompts and money; those who use it see what was chosen for them."""

import json
import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from tests.journeys import steps
from tests.journeys.conftest import PHONE, OpenPage, Problems
from tests.model_server import Behaviour, ModelServer
from tests.servers.site import Site

PASSWORD = "a-password-for-operators-9"
LONG_MS = 60_000


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture(scope="module")
def operator(live_site: Site) -> str:
    """Olga, who may look after this site."""
    live_site.environment["DJANGO_SUPERUSER_PASSWORD"] = PASSWORD
    made = live_site.manage("createsuperuser", "--noinput", "--username", "olga", "--email", "olga@example.com")
    assert made.returncode == 0, made.stderr
    return "olga"


def sign_in(page: Page, url: str, name: str, then: str) -> None:
    page.goto(f"{url}/?next={then}&account")
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    ready(page)


def ready(page: Page) -> None:
    expect(page.locator("html")).to_have_attribute("data-ready", "true", timeout=LONG_MS)


def faults(page: Page) -> list[str]:
    violations = Axe().run(page).response["violations"]
    return [f"{one['id']}: {[node['target'] for node in one['nodes']]}" for one in violations]


def row(page: Page, title: str) -> Locator:
    return page.locator(".session").filter(has=page.locator(".session-title", has_text=re.compile(f"^{title}$")))


def confirm(page: Page, name: str) -> None:
    page.locator("dialog[open]").get_by_role("button", name=name).press("Enter")


def add_endpoint(page: Page, name: str, url: str, secret: str = "") -> None:
    page.get_by_label("Name in graphs").fill(name)
    page.get_by_label("URL", exact=True).fill(url)
    page.get_by_label("Model", exact=True).fill("stand-in")
    page.get_by_label("Its token's name in the environment").fill(secret)
    page.get_by_role("button", name="Add", exact=True).press("Enter")


def delete_endpoint(page: Page, url: str, name: str) -> None:
    page.goto(f"{url}/endpoints/")
    ready(page)
    row(page, name).get_by_text("Limits, prices and breaker").press("Enter")
    row(page, name).get_by_role("button", name=f"Delete {name}").press("Enter")
    confirm(page, "Delete the endpoint")
    expect(row(page, name)).to_have_count(0, timeout=LONG_MS)


@pytest.mark.timeout(240)
def test_endpoints_prompts_and_budgets_are_looked_after_by_keyboard(
    live_site: Site, operator: str, model: ModelServer, open_page: OpenPage, problems: Problems
) -> None:
    page = open_page()
    sign_in(page, live_site.url, operator, "/endpoints/")

    add_endpoint(page, "ours", model.url, secret="our password")
    expect(page.locator("#new-endpoint .field-error")).to_contain_text("_API_KEY or _TOKEN", timeout=LONG_MS)
    page.get_by_label("Its token's name in the environment").fill("")
    page.get_by_role("button", name="Add", exact=True).press("Enter")
    mine = row(page, "ours")
    expect(mine.locator("[data-state]").first).to_have_text("Ready", timeout=LONG_MS)
    mine.get_by_role("button", name="Test ours").press("Enter")
    expect(mine.locator(".probe")).to_contain_text("to the first words, by stand-in", timeout=LONG_MS)
    mine.get_by_text("Limits, prices and breaker").press("Enter")
    mine.get_by_label("$ per million in").fill("1.5")
    mine.get_by_label("$ per million out").fill("2")
    mine.get_by_role("button", name="Save").press("Enter")
    expect(mine).to_contain_text("$1.5 in, $2 out per million tokens", timeout=LONG_MS)
    mine.get_by_role("button", name="Held open").press("Enter")
    expect(mine.locator("[data-state]").first).to_have_text("Resting", timeout=LONG_MS)
    expect(mine.get_by_role("button", name="Held open")).to_be_focused()
    assert faults(page) == []
    mine.get_by_role("button", name="Switch ours off").press("Enter")
    expect(mine.locator("[data-state]").first).to_have_text("Off", timeout=LONG_MS)

    page.goto(f"{live_site.url}/prompts/")
    page.get_by_label("Name", exact=True).fill("greeting")
    page.get_by_role("button", name="Create").press("Enter")
    expect(page.locator("#prompt-title")).to_have_text("greeting", timeout=LONG_MS)
    ready(page)
    publish(page, "Say hello to {{ name }}.\n", "Begun")
    page.get_by_label("name string").fill("<img src=x onerror=alert(1)>")
    page.get_by_role("button", name="Fill in").press("Enter")
    expect(page.locator("#filled")).to_have_text("Say hello to <img src=x onerror=alert(1)>.", timeout=LONG_MS)
    use(page, "1.0.0")
    publish(page, "Say good day to {{ name }}.\n", "Politer")
    expect(page.locator(".diff-line.came")).to_have_text("+Say good day to {{ name }}.", timeout=LONG_MS)
    use(page, "1.1.0")
    assert faults(page) == []
    page.get_by_role("button", name="Roll back").press("Enter")
    confirm(page, "Roll back")
    expect(page.locator("#prompt-state")).to_contain_text("1.0.0 in use", timeout=LONG_MS)

    page.goto(f"{live_site.url}/costs/?by=endpoint")
    ready(page)
    expect(page.get_by_role("row", name=re.compile("^ours "))).to_be_visible()
    page.get_by_label("Dollars").fill("100")
    page.get_by_role("button", name="Set the budget").press("Enter")
    expect(row(page, "The whole site")).to_contain_text("left", timeout=LONG_MS)
    assert faults(page) == []
    row(page, "The whole site").get_by_role("button", name=re.compile("^Lift")).press("Enter")
    confirm(page, "Lift the budget")
    expect(row(page, "The whole site")).to_have_count(0, timeout=LONG_MS)
    delete_endpoint(page, live_site.url, "ours")
    # The browser has a line of its own on the answer that refused the secret's name.
    assert [one for one in problems.found if "422" not in one] == []


def publish(page: Page, text: str, note: str) -> None:
    page.locator("#content").fill(text)
    page.get_by_label("What changed").fill(note)
    page.get_by_role("button", name="Publish a version").press("Enter")
    expect(page.locator(".version-note").first).to_have_text(note, timeout=LONG_MS)
    ready(page)


def use(page: Page, version: str) -> None:
    page.get_by_role("button", name=f"Use {version}").press("Enter")
    confirm(page, "Use it")
    expect(page.locator("#prompt-state")).to_contain_text(f"{version} in use", timeout=LONG_MS)


@pytest.mark.timeout(240)
def test_a_person_sees_what_was_chosen_why_and_has_something_else_done_instead(
    live_site: Site, operator: str, model: ModelServer, open_page: OpenPage, problems: Problems
) -> None:
    chosen = {"intent": "code_review", "confidence": 0.9, "reasoning": "You wonder what is wrong with <b>it</b>."}
    olga, page = open_page(), open_page()
    sign_in(olga, live_site.url, operator, "/endpoints/")
    add_endpoint(olga, "stand-in", model.url)
    expect(row(olga, "stand-in")).to_be_visible(timeout=LONG_MS)
    try:
        steps.start_as_guest(page, live_site.url)
        steps.open_session(page, "def same(a):\n    return a == None\n")
        model.then(Behaviour(answer=json.dumps(chosen)))
        page.locator("#instruction").fill("Hmm, it feels off lately")
        steps.send(page)
        steps.wait_for_outcome(page)
        choice = page.locator(".turn-choice").first
        expect(choice).to_contain_text("Review was chosen: You wonder what is wrong with <b>it</b>.", timeout=LONG_MS)
        expect(page.locator(".turn").first.locator('.step[data-node="suggest"]')).to_have_attribute(
            "data-status", "completed", timeout=LONG_MS
        )
        choice.get_by_text("Do this instead").press("Enter")
        assert faults(page) == []
        model.then(Behaviour(answer="It compares with None by equality."))
        choice.get_by_role("button", name="Ask", exact=True).press("Enter")
        expect(page.locator(".turn")).to_have_count(2, timeout=LONG_MS)
        steps.wait_for_outcome(page)
        expect(page.locator(".turn").last.locator(".turn-choice")).to_be_empty()
        assert [len(each.body["messages"]) for each in model.requests[-2:]] == [1, 1]
        read_what_was_said(page, live_site.url)
    finally:
        delete_endpoint(olga, live_site.url, "stand-in")
    assert problems.found == []


def read_what_was_said(page: Page, url: str) -> None:
    """On the page of the last request's run: the prompt that was sent, and the raw reply, when they are opened."""
    run = page.evaluate(
        """async () => (await (await fetch(`/v1/sessions/${location.pathname.split('/')[2]}/requests`)).json())
             .results.map((one) => one.run.id).sort().at(-1)"""
    )
    page.goto(f"{url}/runs/{run}/")
    ready(page)
    page.locator("#timeline .step").first.press("Enter")
    call = page.locator(".model-call")
    expect(call.locator("summary")).to_contain_text("stand-in", timeout=LONG_MS)
    said = call.locator("pre")
    expect(said.last).to_be_hidden()
    call.locator("summary").press("Enter")
    expect(said.last).to_have_text("It compares with None by equality.")
    expect(said.first).to_contain_text("Hmm, it feels off lately")
    call.get_by_role("button", name="Copy: Raw reply").press("Enter")
    expect(page.locator("#toasts")).to_contain_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "It compares with None by equality."
    assert faults(page) == []


def test_the_pages_of_models_serve_dark_screens_and_phones(
    live_site: Site, open_page: OpenPage, problems: Problems
) -> None:
    page = open_page(viewport=PHONE, color_scheme="dark")
    steps.start_as_guest(page, live_site.url)
    for name in ("Prompts", "Endpoints", "Costs and budgets"):
        page.locator(".account summary").click()
        page.get_by_role("link", name=name).click()
        ready(page)
        assert faults(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.goto(f"{live_site.url}/prompts/classify_task/")
    ready(page)
    assert faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert problems.found == []
