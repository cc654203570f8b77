"""A site whose Redis or PostgreSQL is away: it says so at once, takes what it can, and is well soon after they are."""

import json
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tests.faults.field import wait_until
from tests.servers import own_postgres, own_redis, shared
from tests.servers.own_postgres import OwnPostgres
from tests.servers.own_redis import OwnRedis
from tests.servers.postgres import create_database
from tests.servers.site import Site, build, tear_down

pytestmark = [pytest.mark.once, pytest.mark.timeout(300), pytest.mark.xdist_group("outages")]

AT_ONCE_S = 10.0
"""Far less than any of the outages lasts, and far more than an answer takes on a machine that is busy."""
HEALTH = ("/api/health", "/api/health/ready", "/api/health/metrics")


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: str
    took_s: float

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Outage:
    """A scaled site with servers of its own, and a person who uses it."""

    site: Site
    redis: OwnRedis
    postgres: OwnPostgres
    token: str = ""

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        connection = HTTPConnection("127.0.0.1", self.site.port, timeout=60)
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        began = time.monotonic()
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        return Answer(
            response.status,
            {name.lower(): value for name, value in response.getheaders()},
            text,
            time.monotonic() - began,
        )

    def start_run(self) -> Answer:
        return self.ask("POST", "/v1/runs", {"graph": "code_review", "initial_state": {"code": "x = 1\n"}})

    def check_health(self) -> dict[str, Answer]:
        answers = {path: self.ask("GET", path) for path in HEALTH}
        assert max(answer.took_s for answer in answers.values()) < AT_ONCE_S, answers
        assert answers["/api/health"].status == answers["/api/health/metrics"].status == 200
        return answers

    def wait_for_all(self, within_s: float) -> None:
        """Until readiness and twenty requests at once are all well."""
        wait_until(lambda: self.ask("GET", "/api/health/ready").status == 200, "readiness", within_s)
        with ThreadPoolExecutor(20) as people:
            answers = list(people.map(lambda _: self.ask("GET", "/v1/runs"), range(20)))
        assert [answer.status for answer in answers] == [200] * 20


@pytest.fixture(scope="module")
def outage() -> Iterator[Outage]:
    with ExitStack() as at_the_end:
        # Whichever step fails, all that was started ends: a process left over would be blamed on somebody else's test.
        folder = at_the_end.enter_context(tempfile.TemporaryDirectory(dir=shared.folder()))
        redis = own_redis.start_in(Path(folder))
        at_the_end.callback(redis.kill)
        postgres = own_postgres.start()
        at_the_end.callback(postgres.end)
        names = ("BROKER_URL", "CACHE_URL", "CHANNEL_LAYER_URL")
        more = {"DATABASE_TIMEOUT_S": "2", "DATABASE_CONNECT_TIMEOUT_S": "2", "RUN_LEASE_S": "5"}
        url = create_database(postgres.server.url)
        site = build(scaled=True, environment=dict.fromkeys(names, redis.url) | {"DATABASE_URL": url} | more)
        at_the_end.callback(tear_down, site)
        assert site.manage("migrate", "--verbosity", "0").returncode == 0
        made = site.manage("shell", "-c", MAKE_USER)
        assert made.returncode == 0, made.stderr
        site.start()
        found = Outage(site, redis, postgres)
        answer = found.ask("POST", "/v1/auth/token", {"username": "ada", "password": PASSWORD})
        assert answer.status == 200, answer
        found.token = answer.json["access"]
        yield found


PASSWORD = "a long sentence that nobody guesses"  # of a user who lives as long as the test
MAKE_USER = f"from sessions_app.models import User; User.objects.create_user('ada', password={PASSWORD!r})"


def test_a_silent_redis_keeps_no_request_waiting_and_its_runs_are_sent_when_it_speaks(outage: Outage) -> None:
    outage.redis.fall_silent()
    try:
        with ThreadPoolExecutor(12) as people:
            answers = list(people.map(lambda _: outage.start_run(), range(12)))
        assert [answer.status for answer in answers] == [202] * 12
        assert max(answer.took_s for answer in answers) < AT_ONCE_S
        health = outage.check_health()
        assert health["/api/health/ready"].status == 503
        assert 'agentsite_up{dependency="broker"} 0.0' in outage.ask("GET", "/api/health/metrics").body
        executed = outage.ask("POST", "/v1/agent/execute", {"task": "review this: x = 1"})
        assert executed.status < 500, executed
    finally:
        outage.redis.speak_again()
    outage.wait_for_all(60)
    for answer in answers:
        path = f"/v1/runs/{answer.json['id']}"
        wait_until(lambda path=path: outage.ask("GET", path).json["status"] == "completed", f"the end of {path}")


def test_a_redis_that_is_gone_makes_no_request_fail(outage: Outage) -> None:
    outage.redis.kill()
    try:
        answers = [
            outage.start_run(),
            outage.ask("POST", "/v1/agent/execute", {"task": "review this: x = 1"}),
        ]
        assert [answer.status // 100 for answer in answers] == [2, 2], answers
        assert outage.check_health()["/api/health/ready"].status == 503
    finally:
        outage.redis.start()
    outage.wait_for_all(60)


def test_a_database_that_was_restarted_is_used_again_at_once_by_every_thread(outage: Outage) -> None:
    outage.wait_for_all(60)
    with ThreadPoolExecutor(20) as people:  # so that the pool is full of connections that die
        list(people.map(lambda _: outage.ask("GET", "/v1/runs"), range(40)))
    outage.postgres.restart()
    outage.wait_for_all(30)


def test_without_its_database_the_site_refuses_at_once_and_tells_what_is_away(outage: Outage) -> None:
    outage.postgres.stop()
    try:
        assert outage.start_run().status == 503
        refused = [outage.ask("GET", "/v1/runs") for _ in range(10)]
        assert {answer.status for answer in refused} == {503}
        assert all("retry-after" in answer.headers for answer in refused)
        assert max(answer.took_s for answer in refused) < AT_ONCE_S
        health = outage.check_health()
        assert health["/api/health/ready"].status == 503
        metrics = health["/api/health/metrics"].body
        assert "agentsite_http_requests_total" in metrics
    finally:
        outage.postgres.start()
    outage.wait_for_all(30)


def test_a_silent_database_holds_no_thread_for_ever(outage: Outage) -> None:
    outage.postgres.fall_silent()
    try:
        with ThreadPoolExecutor(12) as people:
            pending = [people.submit(outage.ask, "GET", "/v1/runs") for _ in range(12)]
            health = outage.check_health()
            answers = [one.result() for one in pending]
        assert {answer.status for answer in answers} == {503}
        assert all("retry-after" in answer.headers for answer in answers)
        assert health["/api/health/ready"].status == 503
    finally:
        outage.postgres.speak_again()
    outage.wait_for_all(60)
