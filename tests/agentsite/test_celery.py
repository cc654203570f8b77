"""What the Celery application adds to Celery's own ways."""

from tests.servers.person import Person
from tests.servers.site import StartSite


def test_a_worker_that_is_started_as_releases_before_said_takes_runs(start_site: StartSite) -> None:
    site = start_site(scaled=True)
    assert site.worker is not None
    site.kill(site.worker)
    site.worker = site.start_worker("old", queue="runs")
    guest = Person(site)
    guest.token = guest.call("POST", "/v1/auth/guest", {})["access"]
    state = {"code": "def add(a, b):\n    return a+b\n"}
    run = guest.call("POST", "/v1/runs", {"graph": "code_review", "initial_state": state})["id"]
    assert guest.wait_for(f"/v1/runs/{run}", until={"completed", "failed"})["status"] == "completed"
