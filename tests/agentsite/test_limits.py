"""Every door of the site is counted, by whichever path one comes, and says so in the standard's headers."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher, make_password
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from pytest_django import Settings
from rest_framework.test import APIClient

from agentsite.middleware import QUIET
from graphs_app.models import Graph, Run
from sessions_app.api.base import ApiView
from sessions_app.limits import limiter, policies
from sessions_app.limits.limiter import Limiter
from sessions_app.limits.memory_store import MemoryStore
from sessions_app.limits.policies import Policy
from sessions_app.models import Session, User
from tests.sessions_app.conftest import make_user

RIGHT, WRONG = "the right one of Boss", "a guess"
MARKS = re.compile(r'"[a-z-]+";q=\d+;w=\d+(, "[a-z-]+";q=\d+;w=\d+)*')
STANDS = re.compile(r'"[a-z_-]+";r=\d+;t=\d+(, "[a-z_-]+";r=\d+;t=\d+)*')


@pytest.fixture(autouse=True)
def _time_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow this machine is, no window moves on while a test counts to its limit."""
    stopped = Limiter(MemoryStore(clock=lambda: 1_000_000.0), None)
    monkeypatch.setattr(limiter, "current", lambda: stopped)


@pytest.fixture
def boss(db: None, settings: Settings) -> User:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return User.objects.create_user("boss", password=RIGHT, is_staff=True, is_superuser=True)


Try = Callable[..., int]


def by_token(name: str, password: str, ip: str = "192.0.2.1", **headers: str) -> int:
    body = {"username": name, "password": password}
    return APIClient().post("/v1/auth/token", body, format="json", REMOTE_ADDR=ip, **headers).status_code


def by_admin(name: str, password: str, ip: str = "192.0.2.1", **headers: str) -> int:
    answered = Client().post("/admin/login/", {"username": name, "password": password}, REMOTE_ADDR=ip, **headers)
    return {302: 200, 200: 401}.get(answered.status_code, answered.status_code)


def by_page(name: str, password: str, ip: str = "192.0.2.1", **headers: str) -> int:
    client = Client()
    answered = client.post("/sign-in/", {"username": name, "password": password}, REMOTE_ADDR=ip, **headers)
    if "_auth_user_id" in client.session:
        return 200
    said = client.get(answered["Location"], REMOTE_ADDR="192.0.2.99").content.decode()
    return 429 if "Too many wrong passwords" in said else 401


DOORS = pytest.mark.parametrize("door", [by_token, by_admin, by_page])


@DOORS
def test_the_right_password_after_many_wrong_ones_is_not_let_in(boss: User, door: Try) -> None:
    answers = [door("boss", WRONG) for _ in range(40)]
    assert answers[:10] == [401] * 10
    assert set(answers[10:]) == {429}
    assert door("boss", RIGHT) == 429


def test_the_doors_share_one_count(boss: User) -> None:
    for door in (by_token, by_admin, by_page):
        for _ in range(4):
            door("boss", WRONG)
    assert [door("boss", RIGHT) for door in (by_token, by_admin, by_page)] == [429] * 3


@DOORS
def test_who_knows_the_password_may_sign_in_as_often_as_a_day_has_reasons(boss: User, door: Try) -> None:
    assert {door("boss", RIGHT) for _ in range(40)} == {200}


def test_right_passwords_in_between_do_not_refill_the_guesses(boss: User) -> None:
    answers = []
    for _ in range(12):
        answers += [by_token("boss", WRONG), by_token("boss", RIGHT)]
    assert answers.count(401) == 10


@DOORS
def test_a_header_of_ones_own_is_no_new_address(boss: User, door: Try) -> None:
    answers = [door("boss", WRONG, HTTP_X_FORWARDED_FOR=f"198.51.100.{n}") for n in range(30)]
    assert answers.count(401) == 10


def test_strangers_cannot_keep_a_person_out_of_where_they_work(boss: User) -> None:
    assert by_token("boss", RIGHT, ip="203.0.113.5") == 200
    guesses = [by_token("boss", WRONG, ip=f"198.51.100.{n}") for n in range(200)]
    assert guesses.count(401) < 30, "from however many addresses, one name is guessed at slowly"
    assert by_token("boss", RIGHT, ip="198.51.100.250") == 429
    assert by_token("boss", RIGHT, ip="203.0.113.5") == 200


def test_one_address_cannot_try_one_password_on_everybody(boss: User) -> None:
    answers = [by_token(f"somebody-{n}", WRONG) for n in range(120)]
    assert answers.count(401) == 100
    assert by_token("boss", RIGHT) == 429
    assert by_token("boss", RIGHT, ip="192.0.2.2") == 200


def test_spellings_of_a_name_are_one_name(boss: User) -> None:
    for name in ("boss", "BOSS", "Boss", "\uff42oss", "boSs"):
        for _ in range(2):
            by_token(name, WRONG)
    assert by_token("boss", RIGHT) == 429


@DOORS
def test_a_name_that_is_not_there_takes_as_long_as_one_that_is(
    boss: User, door: Try, monkeypatch: pytest.MonkeyPatch
) -> None:
    User.objects.create(username="guest-1", is_guest=True, password=make_password(None))
    User.objects.create_user("gone", password=RIGHT, is_active=False)
    hash_one, hashed = MD5PasswordHasher.encode, []
    monkeypatch.setattr(MD5PasswordHasher, "encode", lambda *given: hashed.append(given) or hash_one(*given))
    works = []
    for name in ("boss", "nobody", "guest-1", "gone"):
        hashed.clear()
        assert door(name, WRONG) == 401
        works.append(len(hashed))
    assert works == [1] * 4


def guests(ip: str, times: int) -> list[int]:
    return [APIClient().post("/v1/auth/guest", {}, format="json", REMOTE_ADDR=ip).status_code for _ in range(times)]


def test_guests_are_counted_by_where_they_come_from(db: None) -> None:
    answers = guests("192.0.2.1", 150)
    assert answers.count(201) == User.objects.count() == 60
    assert set(guests("192.0.2.2", 5)) == {201}


def test_a_thousand_addresses_of_one_ipv6_customer_are_one(db: None, settings: Settings) -> None:
    settings.RATE_LIMIT_GUESTS = "ip 3/1m"
    assert [guests(f"2001:db8:0:1::{n}", 1)[0] for n in range(1, 9)].count(201) == 3


def test_every_way_to_become_a_guest_is_the_same_door(db: None, settings: Settings) -> None:
    settings.RATE_LIMIT_GUESTS = "ip 3/1m"
    ways = ("/v1/auth/guest", "/guest/", "/samples/orders/", "/v1/auth/guest", "/guest/", "/samples/orders/")
    for way in ways:
        Client().post(way, {}, content_type="application/json") if way[1] == "v" else Client().post(way)
    assert User.objects.count() == 3


def test_guests_of_a_day_are_held_by_their_address(db: None, settings: Settings) -> None:
    settings.QUOTA_GUESTS = "ip 2"
    assert guests("192.0.2.1", 3) == [201, 201, 403]
    assert guests("192.0.2.2", 1) == [201]


def test_a_new_guest_is_no_new_allowance(db: None, settings: Settings) -> None:
    settings.RATE_LIMIT_SESSIONS = "person 10/1m, ip 12/1m"
    made = 0
    for _ in range(5):
        client = APIClient()
        token = client.post("/v1/auth/guest", {}, format="json").json()["access"]
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
        made += [client.post("/v1/sessions", {}, format="json").status_code for _ in range(10)].count(201)
    assert made == Session.objects.count() == 12


@pytest.fixture
def ana(db: None) -> APIClient:
    client = APIClient()
    client.force_authenticate(make_user("ana"))
    return client


def test_the_refusal_is_a_problem_that_says_when_again(ana: APIClient, settings: Settings) -> None:
    settings.RATE_LIMIT_SESSIONS = "person 1/1m, site 100/1m"
    let_in = ana.post("/v1/sessions", {}, format="json")
    assert let_in["RateLimit-Policy"] == '"sessions-person";q=1;w=60', "what all the site does is not told"
    assert STANDS.fullmatch(let_in["RateLimit"])
    refused = ana.post("/v1/sessions", {}, format="json")
    assert refused.status_code == 429
    assert refused["Content-Type"] == "application/problem+json"
    assert 1 <= int(refused["Retry-After"]) <= 120
    assert MARKS.fullmatch(refused["RateLimit-Policy"])
    assert re.fullmatch(r'"sessions";r=0;t=\d+', refused["RateLimit"])
    body = refused.json()
    assert (body["code"], body["policy"], body["limit"], body["window_s"]) == ("too_many_requests", "sessions", 1, 60)
    assert body["retry_after_s"] == int(refused["Retry-After"])


def test_reads_are_counted_generously(ana: APIClient, settings: Settings) -> None:
    assert policies.READS.rates()[0].limit >= 1000
    settings.RATE_LIMIT_READS = "person 2/1m"
    assert [ana.get("/v1/sessions").status_code for _ in range(3)] == [200, 200, 429]


def test_requests_without_a_login_are_counted_too(db: None, settings: Settings) -> None:
    settings.RATE_LIMIT_STRANGERS = "ip 3/1m"
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION="Bearer made.up.token")
    assert [client.get("/v1/sessions").status_code for _ in range(5)] == [401, 401, 401, 429, 429]


def test_pages_are_counted_and_say_when_again(db: None, settings: Settings) -> None:
    settings.RATE_LIMIT_READS = "ip 2/1m"
    client = Client()
    assert [client.get("/").status_code for _ in range(3)] == [200, 200, 429]
    refused = client.get("/")
    assert int(refused["Retry-After"]) >= 1
    assert "at most 2 in 60 s" in refused.content.decode()


def test_what_was_typed_stays_when_a_form_is_sent_too_often(db: None, settings: Settings) -> None:
    settings.RATE_LIMIT_SESSIONS = "person 1/1m"
    client = Client()
    client.force_login(make_user("ana"))
    form = {"title": "My plan", "language": "python", "text": "kept = True"}
    assert client.post("/sessions/", form).status_code == 302
    refused = client.post("/sessions/", form)
    assert refused.status_code == 429
    page = refused.content.decode()
    assert "kept = True" in page
    assert "My plan" in page
    assert "try again in" in page


def test_health_is_never_refused(db: None, settings: Settings) -> None:
    settings.RATE_LIMIT_READS = "ip 1/1m"
    assert [Client().get("/api/health").status_code for _ in range(5)] == [200] * 5


def test_a_full_quota_is_403_and_says_how_much_and_when(ana: APIClient, settings: Settings) -> None:
    settings.QUOTA_SESSIONS = "person 1"
    ana.post("/v1/sessions", {}, format="json")
    refused = ana.post("/v1/sessions", {}, format="json")
    assert refused.status_code == 403
    body = refused.json()
    assert (body["code"], body["quota"], body["limit"], body["used"]) == ("quota_exceeded", "sessions", 1, 1)
    assert body["resets_at"].endswith("Z")


def test_runs_that_are_open_are_held_by_their_person(ana: APIClient, settings: Settings) -> None:
    settings.QUOTA_RUNS = "person 2"
    asked = {"graph": "code_review", "initial_state": {"code": "x = 1"}}
    assert [ana.post("/v1/runs", asked, format="json").status_code for _ in range(3)] == [202, 202, 403]
    Run.objects.filter(pk=Run.objects.order_by("pk")[0].pk).update(status="completed")
    assert ana.post("/v1/runs", asked, format="json").status_code == 202


def test_graphs_are_held_by_their_person(ana: APIClient, settings: Settings) -> None:
    settings.QUOTA_GRAPHS = "person 1"
    graph = {"v": 1, "name": "One", "entry_node": "a", "edges": []}
    graph["nodes"] = [{"node_id": "a", "tool": "set_state", "config": {"values": {}}}]
    doors = ("/v1/graphs", "/graphs/create", "/v1/graphs")
    assert [ana.post(door, graph, format="json").status_code for door in doors] == [201, 403, 403]


def test_what_versions_and_drafts_hold_is_counted_in_bytes(ana: APIClient, settings: Settings) -> None:
    settings.VERSIONING_ENABLED = False
    settings.QUOTA_GRAPH_BYTES = "person 100000"
    graph: dict[str, Any] = {"v": 1, "name": "Large", "entry_node": "a", "edges": []}

    def drawn(size: int, mark: int = 0) -> dict[str, Any]:
        return graph | {
            "nodes": [{"node_id": "a", "tool": "set_state", "config": {"values": {"a": "x" * size, "b": mark}}}]
        }

    made = ana.post("/v1/graphs", drawn(30_000), format="json")
    assert made.status_code == 201, made.json()
    path = f"/v1/graphs/{made.json()['slug']}"
    for size in (60_000, 50_000, 60_000):  # each takes the place of the one before
        assert ana.put(f"{path}/draft", {"definition": drawn(size)}, format="json").status_code == 200
    refused = ana.put(f"{path}/draft", {"definition": drawn(75_000)}, format="json")
    assert refused.status_code == 403
    body = refused.json()
    assert (body["code"], body["quota"], body["limit"]) == ("quota_exceeded", "graph_bytes", 100_000)
    assert 90_000 < body["used"] < 92_000
    assert ana.post(f"{path}/versions", drawn(30_000, 1), format="json").status_code == 403
    # What was drawn becomes the version: it is not held twice on the way.
    assert ana.post(f"{path}/publish", {}, format="json").status_code == 201
    assert Graph.objects.get(slug="large").kept_bytes == body["used"]
    assert ana.delete(path).status_code == 204
    assert ana.post("/v1/graphs", drawn(90_000), format="json").status_code == 201


# The map of all doors -----------------------------------------------------------------------------

STARTS_WORK = {
    "session-requests", "runs", "run-resume", "run-fork", "run-step-alone", "run-retry", "agent-execute", "alias-runs",
    "alias-execution-run", "run-budget",
}  # fmt: skip
COMPUTES = {
    "graph-validate", "graph-planned-layout", "graph-group", "graph-ungroup", "graph-redesigns",
    "graph-proposal-decide", "graph-proposal-apply", "graph-change-accept", "graph-change-reject", "session-estimate",
}  # fmt: skip
OF_THEIR_OWN = {
    "auth-guest": policies.GUESTS, "auth-refresh": policies.TOKENS, "auth-ticket": policies.TOKENS,
    "sessions": policies.SESSIONS, "session-members": policies.INVITES, "session-invites": policies.INVITES,
    "invite-accept": policies.INVITES, "graph-import": policies.IMPORTS, "endpoint-test": policies.PROBES,
    "prompt-render": policies.PROBES,
}  # fmt: skip


def routes(patterns: Any, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for one in patterns:
        path = prefix + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from routes(one.url_patterns, path)
        else:
            yield path, one


ALL = [(path, one) for path, one in routes(get_resolver().url_patterns) if not path.startswith("admin/")]
API = {str(one.name): one.callback.cls for _, one in ALL if issubclass(getattr(one.callback, "cls", object), ApiView)}  # type: ignore[attr-defined]


def counts_as(name: str, method: str) -> tuple[Policy, ...]:
    return tuple(API[name].limits.get(method, ()))


def test_every_path_for_programs_counts_its_requests() -> None:
    bare = [
        path
        for path, one in ALL
        if path.startswith(("v1/", "graphs/", "executions/", "runs"))
        and hasattr(one.callback, "cls")
        and str(one.name) not in API
        and str(one.name) not in ("schema", "docs")
    ]
    assert bare == [], "views of the API derive from ApiView, or nobody counts them by person"
    assert QUIET == ("/static/", "/api/health")


def test_whatever_starts_work_counts_as_that() -> None:
    assert {name for name in API if policies.RUNS in counts_as(name, "POST")} == STARTS_WORK
    assert {name for name in API if policies.COMPUTING in counts_as(name, "POST")} == COMPUTES
    for name, policy in OF_THEIR_OWN.items():
        assert counts_as(name, "POST") == (policy,), name
