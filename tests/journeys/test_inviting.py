"""The open dialog of invitations tells by itself who has come meanwhile, and who is gone."""

import pytest
from playwright.sync_api import Page, expect

from tests.journeys import steps
from tests.journeys.conftest import OpenPage, Problems
from tests.journeys.test_questions import post
from tests.servers.person import Person
from tests.servers.site import Site

PASSWORD = "a long sentence that nobody guesses"  # of people who live as long as the test
MAKE = f"from sessions_app.models import User; User.objects.create_user('carla', password={PASSWORD!r}, name='Carla')"


def open_dialog(page: Page) -> None:
    page.get_by_role("button", name="Invite", exact=True).click()
    expect(page.get_by_role("dialog")).to_be_visible()


def carla_at(site: Site) -> Person:
    made = site.manage("shell", "-c", MAKE)
    assert made.returncode == 0, made.stderr
    carla = Person(site)
    carla.token = carla.call("POST", "/v1/auth/token", {"username": "carla", "password": PASSWORD})["access"]
    return carla


def guest_at(site: Site) -> Person:
    guest = Person(site)
    guest.token = guest.call("POST", "/v1/auth/guest", {"name": "Gus"})["access"]
    return guest


@pytest.mark.timeout(120)
def test_who_accepts_comes_by_a_link_or_is_removed_is_seen_in_the_open_dialog(
    live_site: Site, open_page: OpenPage, problems: Problems
) -> None:
    carla = carla_at(live_site)
    ana = open_page()
    steps.start_as_guest(ana, live_site.url)
    steps.open_session(ana, "x = 1\n")
    session = ana.url.split("/sessions/")[1].split("/")[0]
    token = post(ana, f"/v1/sessions/{session}/invites", {"role": "viewer", "max_uses": 2})["token"]
    post(ana, f"/v1/sessions/{session}/members", {"user": "carla", "role": "owner"})

    open_dialog(ana)
    invited, links = ana.get_by_label("Invited, not here yet"), ana.get_by_label("Links that stand")
    expect(invited).to_contain_text("carla, invited as owner")
    expect(links).to_contain_text("used 0 of 2")
    ana.get_by_role("button", name="Revoke: ").focus()

    invitation = carla.call("GET", "/v1/me/invitations")["results"][0]["id"]
    carla.call("POST", f"/v1/me/invitations/{invitation}/accept")
    expect(invited.locator("li")).to_have_count(0)
    guest_at(live_site).call("POST", f"/v1/invites/{token}/accept")
    expect(links).to_contain_text("used 1 of 2")
    expect(ana.get_by_role("button", name="Revoke: ")).to_be_focused()
    guest_at(live_site).call("POST", f"/v1/invites/{token}/accept")
    expect(links.locator("li")).to_have_count(0)
    expect(ana.get_by_role("button", name="Done")).to_be_focused()

    theirs = carla.call("POST", f"/v1/sessions/{session}/invites", {"role": "viewer"})["token"]
    guest_at(live_site).call("POST", f"/v1/invites/{theirs}/accept")
    expect(links).to_contain_text("used 1 time")
    members = carla.call("GET", f"/v1/sessions/{session}/members")["results"]
    carlas = next(one["user"]["id"] for one in members if one["user"]["name"] == "Carla")
    removed = ana.request.delete(
        f"{live_site.url}/v1/sessions/{session}/members/{carlas}",
        headers={"X-CSRFToken": csrf(ana), "Referer": live_site.url},
    )
    assert removed.ok, removed.text()
    expect(links.locator("li")).to_have_count(0)
    assert problems.found == []


def csrf(page: Page) -> str:
    return next(str(one["value"]) for one in page.context.cookies() if one.get("name") == "csrftoken")
