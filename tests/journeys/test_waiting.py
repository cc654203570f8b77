"""What the page says when nothing comes for long, and when a session's time runs out, without waiting for either."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.journeys import steps
from tests.journeys.conftest import OpenPage
from tests.model_server import Behaviour, ModelServer
from tests.servers.site import Site, StartSite

STALLED = Behaviour(stall_after=5, keep_alive=True)


@pytest.fixture
def model() -> Iterator[ModelServer]:
    with ModelServer(default=STALLED) as server:
        yield server


def test_a_run_that_tells_nothing_for_half_a_minute_says_so_and_can_be_stopped(
    start_site: StartSite, model: ModelServer, open_page: OpenPage
) -> None:
    site = start_site(environment={"MODEL_ENDPOINT_URL": model.url, "MODEL_ENDPOINT_MODEL": "stand-in"})
    page = open_page()
    page.clock.install()
    steps.start_as_guest(page, site.url)
    steps.open_session(page, "def f(x):\n    return x == None\n" * 20)
    page.get_by_label("What do you want?").fill("Compare by identity")
    page.get_by_label("What kind of request").select_option("refine_code")
    steps.send(page)
    expect(page.locator(".stream-text")).to_contain_text("Compared", timeout=steps.RUN_ENDS_MS)
    quiet = page.locator(".quiet-note")
    expect(quiet).to_have_count(0)
    page.clock.run_for(32_000)
    expect(quiet).to_contain_text("No news for 30 s")
    page.get_by_role("button", name="Stop").click()
    steps.wait_for_outcome(page, "cancelled")
    expect(quiet).to_have_count(0)


def test_a_session_that_ends_soon_says_so_and_can_be_extended_by_its_owner(
    live_site: Site, open_page: OpenPage
) -> None:
    page = open_page()
    steps.start_as_guest(page, live_site.url)
    steps.open_session(page, "x = 1\n")
    notice = page.locator("#life-notice")
    expect(notice).to_be_empty()
    soon = (
        "from datetime import timedelta; from django.utils import timezone; from sessions_app.models import Session;"
        "Session.objects.filter(pk='{}').update(expires_at=timezone.now() + timedelta(minutes=14, seconds=50))"
    )
    done = live_site.manage("shell", "-c", soon.format(page.url.split("/")[4]))
    assert done.returncode == 0, done.stderr
    page.reload()
    expect(notice).to_contain_text("This session ends in 14 min")
    with page.expect_response("**/extend") as answer:
        notice.get_by_role("button", name="Extend").click()
    assert answer.value.json()["status"] == "active"
    expect(notice).to_be_empty()
    steps.type_at_end(page, "y = 2\n")
    steps.expect_saved(page)
