"""What people and programs say in a session, and what agents answer: in everybody's conversation, at once and once."""

import json
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.journeys import steps
from tests.journeys.conftest import PHONE, OpenPage, Problems
from tests.journeys.test_questions import post
from tests.model_server import Behaviour, ModelServer
from tests.servers.site import Site, asking

HOSTILE = "Write hello <img src=x onerror=alert(1)>"
LONG = "Here it is:\n\n```python\n" + "".join(f"print({n})\n" for n in range(40)) + "```\n<b>Done.</b>"


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture(scope="module")
def site(model: ModelServer) -> Iterator[Site]:
    with asking(model.url) as site:
        yield site


def answers(model: ModelServer, text: str) -> None:
    """A task's two questions to the model: who takes it, and the answer."""
    choice = {"agent_name": "CodeAgent", "confidence": 0.9, "reasoning": "It asks for code."}
    model.then(Behaviour(answer=json.dumps(choice)), Behaviour(answer=text))


def give_task(page: Page, task: str) -> None:
    """As a program does with the person's session."""
    session = page.url.split("/sessions/")[1].split("/")[0]
    post(page, "/v1/agent/execute", {"task": task, "session_id": session})


def invite(host: Page, guest: Page, name: str) -> None:
    host.get_by_role("button", name="Invite").click()
    host.get_by_role("button", name="Make a link").click()
    link = host.locator("dialog input[readonly]").first.input_value()
    host.get_by_role("button", name="Done").click()
    guest.goto(link)
    guest.get_by_label("Your name").fill(name)
    guest.get_by_role("button", name="Join").click()
    steps.wait_until_ready(guest)


def said(page: Page) -> list[str]:
    """Everything that was asked and said, from top to bottom."""
    return page.locator(".turn-words, .said-text").all_text_contents()


def test_what_is_asked_and_said_is_in_everybodys_conversation_at_once_in_order_and_once(
    site: Site, model: ModelServer, open_page: OpenPage, problems: Problems
) -> None:
    ana, ben = open_page(), open_page()
    steps.start_as_guest(ana, site.url, "Ana Berg")
    steps.open_session(ana, "x = 1\n")
    invite(ana, ben, "Ben Ode")

    model.then(Behaviour(answer="It holds one."))
    ana.get_by_label("What do you want?").fill("What is <i>x</i>?")
    ana.get_by_label("What kind of request").select_option("ask")
    steps.send(ana)
    for page, who in ((ana, "You"), (ben, "Ana Berg")):
        expect(page.locator(".turn-words")).to_have_text("What is <i>x</i>?")
        expect(page.locator(".turn-ask .note")).to_contain_text(f"{who} · Ask · ")
        steps.wait_for_outcome(page)

    answers(model, LONG)
    give_task(ben, HOSTILE)
    for page, who in ((ana, "Ben Ode"), (ben, "You")):
        turn = page.locator(".turn").nth(1)
        expect(turn.locator(".turn-words")).to_have_text(HOSTILE)
        expect(turn.locator(".turn-ask .note")).to_contain_text(f"{who} · Task · ")
        expect(turn.locator(".said-text")).to_have_text(LONG, timeout=steps.RUN_ENDS_MS)
        expect(turn.locator(".said .note").first).to_contain_text("CodeAgent · ")
        assert page.locator(".turn img, .turn i, .turn b").count() == 0
    ana.get_by_role("button", name="Show all").click()
    expect(ana.locator(".said-text.clipped")).to_have_count(0)

    ben.context.set_offline(True)
    expect(ben.locator("#pill")).not_to_have_text("Live")
    answers(model, "Second.")
    give_task(ana, "Write it again")
    expect(ana.locator(".said-text")).to_have_text([LONG, "Second."], timeout=steps.RUN_ENDS_MS)
    ben.context.set_offline(False)
    expect(ben.locator(".said-text")).to_have_text([LONG, "Second."], timeout=steps.RUN_ENDS_MS)
    everything = ["What is <i>x</i>?", HOSTILE, LONG, "Write it again", "Second."]
    assert said(ana) == said(ben) == everything
    for page in (ana, ben):
        page.reload()
        steps.wait_until_ready(page)
        expect(page.locator(".said-text")).to_have_count(2)
        assert said(page) == everything
    assert Axe().run(ana).response["violations"] == []
    phone = open_page(viewport=PHONE, color_scheme="dark", storage_state=ana.context.storage_state())
    phone.goto(ana.url)
    phone.get_by_role("button", name="Chat").click()
    expect(phone.locator(".said-text")).to_have_count(2)
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert Axe().run(phone).response["violations"] == []
    offline = ("ERR_INTERNET_DISCONNECTED", "WebSocket connection")
    assert [one for one in problems.found if not any(words in one for words in offline)] == []
