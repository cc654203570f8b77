"""Runs that only wait on the embedded site: they leave its slots to others, and the page says what they wait for."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.journeys import steps
from tests.journeys.conftest import OpenPage, Problems
from tests.journeys.test_questions import post, run_in_session
from tests.model_server import Behaviour, ModelServer
from tests.servers.site import Site, build, tear_down

RESTS = """
from datetime import timedelta
from django.utils import timezone
from refine_app.models import EndpointState
now = timezone.now()
EndpointState.objects.update_or_create(
    slug="environment", defaults={"failures": 5, "opened_at": now, "probe_until": now + timedelta(hours=1)}
)
"""
CLOSES = """
from refine_app.models import EndpointState
EndpointState.objects.update(failures=0, opened_at=None, probe_until=None)
"""
SLOTS = 10


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """One with as many slots as a greedy person may have runs under way."""
    with ModelServer(default=Behaviour(answer="It compares by identity.")) as model:
        names = {"MODEL_ENDPOINT_URL": model.url, "MODEL_ENDPOINT_MODEL": "stand-in", "MODEL_QUEUE_S": "600"}
        site = build(environment=names | {"MAX_CONCURRENT_RUNS": str(SLOTS)})
        try:
            site.start()
            yield site
        finally:
            tear_down(site)


def status_of(page: Page, run: dict[str, Any]) -> dict[str, Any]:
    root = re.sub(r"(?<=[0-9])/.*", "", page.url)
    told: dict[str, Any] = page.request.get(f"{root}/v1/runs/{run['id']}").json()
    return told


def wait_until_all_rest(page: Page, runs: list[dict[str, Any]]) -> None:
    for _ in range(600):
        if all(status_of(page, run)["sleeps_until"] for run in runs):
            return
        page.wait_for_timeout(100)
    raise AssertionError([status_of(page, run)["status"] for run in runs])


def run_many(page: Page, tool: str, state: dict[str, Any], **config: Any) -> list[dict[str, Any]]:
    nodes = [{"node_id": "one", "tool": tool, "config": config}]
    definition = {"name": tool, "nodes": nodes, "edges": [], "entry_node": "one"}
    graph = post(page, "/v1/graphs", definition)["slug"]
    session = page.url.split("/")[4].split("?")[0]
    return [post(page, "/v1/runs", {"graph": graph, "session": session, "initial_state": state}) for _ in range(SLOTS)]


def finish_one_of_another_person(site: Site, open_page: OpenPage) -> None:
    other = open_page()
    steps.start_as_guest(other, site.url, "Vic")
    steps.open_session(other, "y = 2\n")
    run_in_session(other, [{"node_id": "n", "tool": "set_state", "config": {"values": {"n": 1}}}], [], "At once")
    steps.wait_for_outcome(other)


def test_ten_sleepers_leave_all_slots_to_another_person_and_the_page_says_until_when_they_sleep(
    site: Site, open_page: OpenPage, problems: Problems
) -> None:
    page = open_page()
    steps.start_as_guest(page, site.url)
    steps.open_session(page, "x = 1\n")
    page.clock.install()
    sleepers = run_many(page, "sleep", {}, seconds=3000)
    wait_until_all_rest(page, sleepers)
    finish_one_of_another_person(site, open_page)
    assert {status_of(page, run)["status"] for run in sleepers} == {"running"}
    page.clock.run_for(45_000)
    notes = page.locator(".rest-note")
    expect(notes).to_have_count(SLOTS)
    expect(notes.first).to_contain_text("It sleeps until")
    expect(page.locator(".quiet-note")).to_have_count(0)
    assert problems.found == []
    for run in sleepers:
        post(page, f"/v1/runs/{run['id']}/cancel", {})


def test_runs_that_wait_for_a_model_say_so_hold_no_slot_and_go_on_as_soon_as_it_may_be_asked(
    site: Site, open_page: OpenPage, problems: Problems
) -> None:
    assert site.manage("shell", "-c", RESTS).returncode == 0
    page = open_page()
    steps.start_as_guest(page, site.url)
    steps.open_session(page, "x = 1\n")
    page.clock.install()
    waiting = run_many(page, "answer_question", {"instruction": "What does it do?", "code": "x is None"})
    wait_until_all_rest(page, waiting)
    assert status_of(page, waiting[0])["waits_for"] == ["endpoint:environment"]
    finish_one_of_another_person(site, open_page)
    page.clock.run_for(45_000)
    notes = page.locator(".rest-note")
    expect(notes).to_have_count(SLOTS)
    expect(notes.first).to_contain_text("It waits for the model environment")
    assert site.manage("shell", "-c", CLOSES).returncode == 0
    expect(page.locator('.turn[data-status="completed"]')).to_have_count(SLOTS, timeout=steps.RUN_ENDS_MS)
    expect(notes).to_have_count(0)
    assert problems.found == []
