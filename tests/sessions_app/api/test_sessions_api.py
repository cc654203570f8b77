import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client, override_settings
from django.utils import timezone
from rest_framework.test import APIClient

from sessions_app.models import Session, User
from sessions_app.services import auth, documents, lifetimes, sessions
from tests.sessions_app.conftest import Cast

AsUser = Callable[[User], APIClient]


def path(cast: Cast, rest: str = "") -> str:
    return f"/v1/sessions/{cast.session.pk}{rest}"


# Signing in ---------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_guest_gets_a_token_and_opens_a_session_with_it() -> None:
    client = APIClient()
    answer = client.post("/v1/auth/guest", {"name": "Zoë"}, format="json")
    assert answer.status_code == 201
    assert answer.json()["user"]["name"] == "Zoë"
    assert answer.json()["user"]["is_guest"] is True
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {answer.json()['access']}")
    created = client.post("/v1/sessions", {"title": "Mine", "text": "x = 1\r\n"}, format="json")
    assert created.status_code == 201
    assert created["Location"] == f"/v1/sessions/{created.json()['id']}"


@pytest.mark.django_db
def test_guests_are_refused_where_they_are_switched_off() -> None:
    with override_settings(GUESTS_ALLOWED=False):
        answer = APIClient().post("/v1/auth/guest", {}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (403, "guests_not_allowed")


@pytest.mark.django_db
def test_a_password_gives_a_token_that_can_be_refreshed_and_a_wrong_one_does_not() -> None:
    User.objects.create_user("dora", password="correct horse")
    client = APIClient()
    wrong = client.post("/v1/auth/token", {"username": "dora", "password": "wrong"}, format="json")
    assert (wrong.status_code, wrong.json()["code"]) == (401, "bad_credentials")
    right = client.post("/v1/auth/token", {"username": "dora", "password": "correct horse"}, format="json")
    assert right.status_code == 200
    assert set(right.json()) >= {"access", "refresh", "user"}
    again = client.post("/v1/auth/token/refresh", {"refresh": right.json()["refresh"]}, format="json")
    assert (again.status_code, again.json()["user"]["name"]) == (200, "dora")
    for token in ("nonsense", right.json()["access"]):
        refused = client.post("/v1/auth/token/refresh", {"refresh": token}, format="json")
        assert (refused.status_code, refused.json()["code"]) == (401, "token_not_valid")


def test_everything_else_needs_a_sign_in(cast: Cast) -> None:
    for method, where in (("get", "/v1/sessions"), ("get", path(cast)), ("post", "/v1/auth/ticket")):
        assert getattr(APIClient(), method)(where).status_code == 401


def test_a_cookie_login_needs_a_csrf_token_to_write_and_a_jwt_does_not(cast: Cast) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.ana)
    body = {"data": json.dumps({"text": "x"}), "content_type": "application/json"}
    assert client.get(path(cast, "/document")).status_code == 200
    refused = client.put(path(cast, "/document"), **body)
    assert refused.status_code == 403
    client.cookies["csrftoken"] = "a" * 32
    allowed = client.put(path(cast, "/document"), headers={"X-CSRFToken": "a" * 32}, **body)
    assert allowed.status_code == 200


# Sessions -----------------------------------------------------------------------------------------


def test_a_session_has_the_promised_shape(cast: Cast, as_user: AsUser) -> None:
    session = as_user(cast.ben).get(path(cast)).json()
    assert session == {
        "id": str(cast.session.pk),
        "title": "Parsers",
        "language": "text",
        "status": "active",
        "role": "editor",
        "created_at": session["created_at"],
        "last_active_at": session["last_active_at"],
        "expires_at": session["expires_at"],
        "document": {"id": str(cast.document.pk), "revision": 1, "length": 4},
        "last_seq": 1,
        "api_version": "v1",
    }
    assert session["expires_at"].endswith("Z")


def test_the_list_shows_ones_own_sessions_newest_first_page_by_page(cast: Cast, as_user: AsUser) -> None:
    made = [str(sessions.create(user=cast.eve, title=str(n)).pk) for n in range(5)]
    client = as_user(cast.eve)
    first = client.get("/v1/sessions", {"limit": 2}).json()
    assert [session["id"] for session in first["results"]] == made[:2:-1]
    assert first["previous"] is None
    sessions.create(user=cast.eve, title="new meanwhile")
    second = client.get(first["next"]).json()
    assert [session["id"] for session in second["results"]] == made[2:0:-1]
    assert client.get("/v1/sessions", {"status": "expired"}).json()["results"] == []


@pytest.mark.parametrize("cursor", ["x", "cD14", "cD0wMDAw", "bz0tMQ==", "cD0lMDA=", "%00", "é"])
def test_a_cursor_that_no_list_gave_is_malformed(cast: Cast, as_user: AsUser, cursor: str) -> None:
    for where in ("/v1/sessions", path(cast, "/members"), path(cast, "/revisions")):
        answer = as_user(cast.ana).get(where, {"cursor": cursor})
        assert answer.status_code in (200, 400), answer.content
        if answer.status_code == 400:
            assert answer.json()["code"] == "malformed"


def test_fields_that_nobody_may_set_are_refused_by_name_and_nothing_is_changed(cast: Cast, as_user: AsUser) -> None:
    client = as_user(cast.ana)
    sent = {"title": "T", "status": "expired", "role": "viewer", "last_seq": 99, "expires_at": None, "id": str(uuid4())}
    before = client.get(path(cast)).json()
    answer = client.patch(path(cast), sent, format="json")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    refused = {(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]}
    assert refused == {(f"/{name}", "unknown_field") for name in sent if name != "title"}
    assert client.get(path(cast)).json() == before


ROUTES = [
    ("get", ""),
    ("patch", ""),
    ("delete", ""),
    ("post", "/extend"),
    ("post", "/reopen"),
    ("get", "/members"),
    ("patch", "/members/{ben}"),
    ("delete", "/members/{ben}"),
    ("get", "/document"),
    ("put", "/document"),
    ("get", "/revisions"),
    ("get", "/revisions/1"),
    ("post", "/revisions/1/restore"),
    ("get", "/events"),
]


def body_of(method: str, rest: str, body: dict[str, str]) -> dict[str, str] | None:
    """None where nothing is taken, which would be refused before anything else."""
    return body if method in ("patch", "put") or rest.endswith("restore") else None


@pytest.mark.parametrize(("method", "rest"), ROUTES)
def test_what_is_others_is_not_there(cast: Cast, as_user: AsUser, method: str, rest: str) -> None:
    body = body_of(method, rest, {"text": "stolen", "title": "stolen", "role": "owner"})
    where = path(cast, rest.format(ben=cast.ben.pk))
    missing = where.replace(str(cast.session.pk), str(uuid4()))
    for target in (where, missing):
        answer = getattr(as_user(cast.eve), method)(target, body, format="json")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert Session.objects.get().title == "Parsers"
    assert cast.document.text == "one\n"


@pytest.mark.parametrize(("method", "rest"), [r for r in ROUTES if r[0] != "get" and r != ("delete", "/members/{ben}")])
def test_a_viewer_may_change_nothing(cast: Cast, as_user: AsUser, method: str, rest: str) -> None:
    body = body_of(method, rest, {"text": "x", "title": "x", "role": "owner"})
    answer = getattr(as_user(cast.vic), method)(path(cast, rest.format(ben=cast.ben.pk)), body, format="json")
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")


def test_an_expired_session_can_be_read_and_reopened_but_not_changed(cast: Cast, as_user: AsUser) -> None:
    lifetimes.expire_now(session_id=cast.session.pk, now=timezone.now())
    client = as_user(cast.ana)
    assert client.get(path(cast)).json()["status"] == "expired"
    assert client.get(path(cast, "/document")).json()["text"] == "one\n"
    for method, rest in (("put", "/document"), ("patch", ""), ("post", "/extend")):
        answer = getattr(client, method)(path(cast, rest), body_of(method, rest, {"text": "x"}), format="json")
        assert answer.json()["code"] == "session_expired"
    assert client.post(path(cast, "/reopen")).json()["status"] == "active"
    assert client.post(path(cast, "/reopen")).status_code == 409


def test_deleting_a_session_answers_nothing_and_then_it_is_gone(cast: Cast, as_user: AsUser) -> None:
    assert as_user(cast.ana).delete(path(cast)).status_code == 204
    assert as_user(cast.ana).get(path(cast)).status_code == 404


# Documents and revisions --------------------------------------------------------------------------


def test_a_document_is_read_and_replaced_with_a_stale_check(cast: Cast, as_user: AsUser) -> None:
    client = as_user(cast.ben)
    document = client.get(path(cast, "/document")).json()
    assert (document["text"], document["revision"]) == ("one\n", 1)
    saved = client.put(path(cast, "/document"), {"text": "two\r\n", "revision": 1}, format="json")
    assert (saved.status_code, saved.json()["revision"], saved.json()["text"]) == (200, 2, "two\r\n")
    stale = client.put(path(cast, "/document"), {"text": "x", "revision": 1}, format="json")
    assert (stale.status_code, stale.json()["code"], stale.json()["revision"]) == (409, "stale_revision", 2)


BAD_BODIES = [
    (b"", 422, "invalid"),
    (b"{", 400, "malformed"),
    (b"[1]", 400, "malformed"),
    (b'"text"', 400, "malformed"),
    (b'{"text": "\xff"}', 400, "malformed"),
    (b'{"text": "a", "more": NaN}', 400, "malformed"),
    (b'{"text": "a", "more": 1e999}', 400, "malformed"),
    (b'{"text": "a", "more": ' + b"9" * 5000 + b"}", 400, "malformed"),
    (b'{"text": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, "malformed"),
    (b'{"text": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}", 400, "malformed"),
    (b'{"text": "a", "more": ' + b"[" * 150 + b"]" * 150 + b"}", 400, "malformed"),
    (b'{"text": "ab\\u0000"}', 422, "invalid_text"),
    (b'{"text": "\\ud800"}', 422, "invalid_text"),
    (b'{"text": "a", "k\\u0000": 1}', 422, "invalid_text"),
    (b'{"text": null}', 422, "invalid"),
    (b'{"text": ["a"]}', 422, "invalid"),
    (b'{"text": "a", "revision": "x"}', 422, "invalid"),
    (b'{"text": "a", "revision": -1}', 422, "invalid"),
    (b'{"text": "' + b"x" * 1_000_001 + b'"}', 413, "too_large"),
    (b'{"text": "' + b"x" * 5_000_000 + b'"}', 413, "too_large"),
    (b"\x00\x01\x02\xfe", 400, "malformed"),
]


@pytest.mark.parametrize(("body", "status", "code"), BAD_BODIES, ids=range(len(BAD_BODIES)))
def test_a_bad_body_is_a_clear_problem_and_changes_nothing(
    cast: Cast, as_user: AsUser, body: bytes, status: int, code: str
) -> None:
    answer = as_user(cast.ana).put(path(cast, "/document"), body, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.content[:300]
    assert answer["Content-Type"].startswith("application/problem+json")
    if status == 413:
        assert answer.json()["limit"] in (1_000_000, 2_000_000)
    assert cast.document.text == "one\n"


def test_a_position_is_told_for_what_cannot_be_kept(cast: Cast, as_user: AsUser) -> None:
    answer = as_user(cast.ana).put(path(cast, "/document"), b'{"text": "ab\\u0000"}', content_type="application/json")
    assert answer.json()["position"] == 2
    assert answer.json()["errors"][0]["pointer"] == "/text"


def test_a_body_that_is_no_json_by_its_type_is_refused(cast: Cast, as_user: AsUser) -> None:
    answer = as_user(cast.ana).put(path(cast, "/document"), "text=x", content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 415


def test_revisions_are_listed_read_and_restored(cast: Cast, as_user: AsUser) -> None:
    documents.replace_text(user=cast.ben, session_id=cast.session.pk, text="two\n")
    client = as_user(cast.ben)
    listed = client.get(path(cast, "/revisions")).json()["results"]
    assert [(kept["number"], kept["author"]["name"], kept["length"]) for kept in listed] == [
        (2, "Ben", 4),
        (1, "Ana", 4),
    ]
    assert client.get(path(cast, "/revisions/1")).json()["text"] == "one\n"
    restored = client.post(path(cast, "/revisions/1/restore")).json()
    assert (restored["text"], restored["revision"]) == ("one\n", 3)
    assert client.post(path(cast, "/revisions/77/restore")).status_code == 404
    assert client.get(path(cast, "/revisions/99999999999999999999999")).status_code == 404


# Members and events -------------------------------------------------------------------------------


def test_members_are_listed_and_changed(cast: Cast, as_user: AsUser) -> None:
    listed = as_user(cast.vic).get(path(cast, "/members")).json()["results"]
    assert [(member["user"]["name"], member["role"]) for member in listed] == [
        ("Ana", "owner"),
        ("Ben", "editor"),
        ("Vic", "viewer"),
    ]
    client = as_user(cast.ana)
    changed = client.patch(path(cast, f"/members/{cast.vic.pk}"), {"role": "editor"}, format="json")
    assert changed.json()["role"] == "editor"
    assert client.patch(path(cast, f"/members/{cast.vic.pk}"), {"role": "king"}, format="json").status_code == 422
    assert client.delete(path(cast, f"/members/{cast.vic.pk}")).status_code == 204
    assert as_user(cast.vic).get(path(cast)).status_code == 404
    last = client.delete(path(cast, f"/members/{cast.ana.pk}"))
    assert (last.status_code, last.json()["code"]) == (409, "last_owner")


def test_the_log_is_read_from_a_number_on(cast: Cast, as_user: AsUser) -> None:
    for text in "abc":
        documents.replace_text(user=cast.ana, session_id=cast.session.pk, text=text)
    client = as_user(cast.vic)
    answer = client.get(path(cast, "/events"), {"after": 2, "limit": 1}).json()
    assert [event["seq"] for event in answer["results"]] == [3]
    assert answer["last_seq"] == 4
    assert set(answer["results"][0]) == {"seq", "type", "at", "run", "data"}
    for bad in ({"after": "-1"}, {"after": "x"}, {"limit": 0}, {"limit": 10**9}, {"after": 10**30}):
        assert client.get(path(cast, "/events"), bad).status_code == 422


def test_the_newest_events_of_a_type_are_read_in_their_order(cast: Cast, as_user: AsUser) -> None:
    client = as_user(cast.ana)
    for text in "abc":
        documents.replace_text(user=cast.ana, session_id=cast.session.pk, text=text)
        client.patch(path(cast), {"title": text}, format="json")

    def read(**asked: Any) -> list[tuple[int, str]]:
        answer = client.get(path(cast, "/events"), asked)
        assert answer.status_code == 200, answer.content
        return [(event["seq"], event["type"]) for event in answer.json()["results"]]

    everything = read()
    saved = [one for one in everything if one[1] == "document.saved"]
    assert len(saved) == 3
    assert read(type="document.saved") == saved
    assert read(type="document.saved", before=saved[-1][0], limit=1) == saved[1:2]
    assert read(before=10**9, limit=2) == everything[-2:]
    assert read(before=3, after=1) == [one for one in everything if one[0] == 2]
    assert read(type="no.such") == []
    for bad in ({"type": "x"}, {"type": "a.b" * 40}, {"before": "x"}, {"before": "-1"}):
        assert client.get(path(cast, "/events"), bad).status_code == 422


def test_a_request_to_a_session_counts_as_activity(cast: Cast, as_user: AsUser) -> None:
    Session.objects.filter(pk=cast.session.pk).update(last_active_at=timezone.now() - timedelta(hours=1))
    before = Session.objects.get().expires_at
    as_user(cast.vic).get(path(cast))
    assert Session.objects.get().last_active_at > timezone.now() - timedelta(minutes=1)
    assert Session.objects.get().expires_at >= before


def test_a_ticket_carries_how_its_owner_signed_in(cast: Cast) -> None:
    cookie = Client()
    cookie.force_login(cast.ana)
    ticket = cookie.post("/v1/auth/ticket").json()["ticket"]
    redeemed = auth.redeem_ticket(ticket=ticket)
    assert redeemed is not None
    assert redeemed.login == cookie.session.session_key
    bearer = APIClient()
    bearer.credentials(HTTP_AUTHORIZATION=f"Bearer {auth.tokens_for(cast.ana).access}")
    redeemed = auth.redeem_ticket(ticket=bearer.post("/v1/auth/ticket").json()["ticket"])
    assert redeemed is not None
    assert redeemed.ends_at is not None
    assert redeemed.login == ""


def test_snapshot_and_events_give_the_fresh_snapshot(cast: Cast, as_user: AsUser) -> None:
    """What a browser computes from an old session and the log since is what it would read now."""
    client = as_user(cast.ana)
    before = snapshot(client, cast)
    actions: list[Callable[[], Any]] = [
        lambda: client.put(path(cast, "/document"), {"text": "two\n"}, format="json"),
        lambda: client.patch(path(cast), {"title": "Lexers", "language": "c"}, format="json"),
        lambda: client.patch(path(cast, f"/members/{cast.vic.pk}"), {"role": "editor"}, format="json"),
        lambda: client.delete(path(cast, f"/members/{cast.ben.pk}")),
        lambda: client.post(path(cast, "/extend")),
        lambda: lifetimes.expire_now(session_id=cast.session.pk, now=timezone.now()),
        lambda: client.post(path(cast, "/reopen")),
        lambda: client.post(path(cast, "/revisions/1/restore")),
    ]
    for action in actions:
        action()
        log = client.get(path(cast, "/events"), {"after": before["last_seq"]}).json()["results"]
        fresh = snapshot(client, cast)
        assert replayed(before, log) == fresh


def snapshot(client: APIClient, cast: Cast) -> dict[str, Any]:
    session = client.get(path(cast)).json()
    members = client.get(path(cast, "/members")).json()["results"]
    kept = {key: session[key] for key in ("title", "language", "status", "document", "last_seq")}
    return kept | {"members": {member["user"]["id"]: member["role"] for member in members}}


def replayed(snapshot: dict[str, Any], log: list[dict[str, Any]]) -> dict[str, Any]:
    now = json.loads(json.dumps(snapshot))
    for event in log:
        data = event["data"]
        match event["type"]:
            case "document.saved":
                now["document"] = {"id": data["document"], "revision": data["revision"], "length": data["length"]}
            case "session.changed":
                now |= data
            case "member.joined" | "member.changed":
                now["members"][data["user"]] = data["role"]
            case "member.left":
                del now["members"][data["user"]]
            case "session.expired":
                now["status"] = "expired"
            case "session.reopened":
                now["status"] = "active"
        now["last_seq"] = event["seq"]
    return now
