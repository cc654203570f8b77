"""What the page says when a session's time runs out, without waiting for it."""

from playwright.sync_api import expect

from tests.journeys import steps
from tests.journeys.conftest import OpenPage
from tests.servers.site import Site


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
