"""A body or a query holds only the fields of its shape, each of its own type."""

import json
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

import pytest
from django.http import QueryDict
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.test import APIClient

from sessions_app.api.base import read
from sessions_app.models import User
from tests.servers.site import StartSite


class Point(serializers.Serializer[Any]):
    x = serializers.FloatField()


class Everything(serializers.Serializer[Any]):
    name = serializers.CharField(required=False)
    count = serializers.IntegerField(required=False, allow_null=True)
    share = serializers.FloatField(required=False)
    is_open = serializers.BooleanField(required=False)
    kind = serializers.ChoiceField(choices=["", "a", "1"], required=False)
    id = serializers.UUIDField(required=False)
    at = serializers.DateTimeField(required=False)
    points = Point(many=True, required=False)
    names = serializers.ListField(child=serializers.CharField(), required=False)
    table = serializers.DictField(child=serializers.IntegerField(), required=False)
    made = serializers.CharField(read_only=True)


@pytest.mark.parametrize(
    ("sent", "place"),
    [
        ({"name": 0}, ["name"]),
        ({"name": True}, ["name"]),
        ({"count": "5"}, ["count"]),
        ({"count": True}, ["count"]),
        ({"count": 5.5}, ["count"]),
        ({"share": "0.5"}, ["share"]),
        ({"share": False}, ["share"]),
        ({"is_open": "yes"}, ["is_open"]),
        ({"is_open": 1}, ["is_open"]),
        ({"kind": 1}, ["kind"]),
        ({"id": 5}, ["id"]),
        ({"at": 1700000000}, ["at"]),
        ({"points": [{"x": 1}, {"x": "2"}]}, ["points", "1", "x"]),
        ({"names": ["a", 3]}, ["names", "1"]),
        ({"table": {"a": "1"}}, ["table", "a"]),
    ],
)
def test_a_value_of_another_type_is_refused_and_not_converted(sent: dict[str, Any], place: list[str]) -> None:
    with pytest.raises(ValidationError) as refused:
        read(Everything, sent)
    found: Any = refused.value.detail
    for step in place:
        assert list(found) == [step]
        found = found[step]
    assert found[0].code == "wrong_type"


@pytest.mark.parametrize("sent", [{"nam": "x"}, {"made": "x"}, {"": 1}, {"api_version": "v1"}])
def test_a_field_that_is_not_there_to_be_set_is_refused(sent: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        read(Everything, sent)
    assert [fault.code for faults in refused.value.detail.values() for fault in faults] == ["unknown_field"]  # type: ignore[union-attr]


def test_an_unknown_field_of_an_inner_object_is_refused_at_its_place() -> None:
    with pytest.raises(ValidationError) as refused:
        read(Everything, {"points": [{"x": 1, "y": 2}]})
    assert refused.value.detail == {"points": {"0": {"y": ["There is no such field. It has x."]}}}


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(ValidationError) as refused:
        read(Everything, {"nam": "x", "count": "5", "id": "no uuid"})
    assert set(refused.value.detail) == {"nam", "count", "id"}


def test_whole_numbers_may_be_written_with_a_point_and_null_where_it_is_allowed() -> None:
    assert read(Everything, {"count": 5.0})["count"] == 5
    assert read(Everything, {"count": None, "share": 1}) == {"count": None, "share": 1.0}


@pytest.mark.parametrize("query", ["status=", "count=null", "at=", "id=", "nam=x", "name=a&name=b"])
def test_a_query_is_taken_as_it_is_written(query: str) -> None:
    with pytest.raises(ValidationError):
        read(Everything, QueryDict(query))


def test_a_query_gives_its_values_in_words_and_may_page() -> None:
    assert read(Everything, QueryDict("count=5&is_open=false&limit=3&cursor=x")) == {"count": 5, "is_open": False}


@pytest.mark.django_db
@pytest.mark.parametrize("limit", ["null", "", "0", "-1", "1.5", "٣", "5&limit=6"])
def test_a_limit_that_is_none_is_refused_with_its_pointer(limit: str) -> None:
    client = APIClient()
    client.force_authenticate(User.objects.create(username="ada"))
    answer = client.get(f"/v1/sessions?limit={limit}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/limit"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("/v1/sessions", {"titel": "x"}, "/titel"),
        ("/v1/sessions", {"title": 5}, "/title"),
        ("/v1/runs", {"graph": "refine", "timeout": 5}, "/timeout"),
        ("/v1/agent/execute", {"task": 5}, "/task"),
        ("/v1/auth/guest", {"name": 0}, "/name"),
        ("/v1/graphs/group", {"definition": {}, "nodes": ["a", 1], "name": "x"}, "/nodes/1"),
    ],
)
def test_the_api_refuses_what_it_would_not_read(path: str, body: dict[str, Any], pointer: str) -> None:
    client = APIClient()
    client.force_authenticate(User.objects.create(username="ada"))
    answer = client.post(path, body, format="json")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert pointer in [fault["pointer"] for fault in answer.json()["errors"]]


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/v1/graphs", "/v1/prompts", "/v1/budgets", "/v1/me/invitations", "/v1/sessions"])
def test_a_list_refuses_a_parameter_that_it_would_not_read(path: str) -> None:
    client = APIClient()
    client.force_authenticate(User.objects.create(username="ada"))
    answer = client.get(f"{path}?limit=2&owner=me")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert [(one["pointer"], one["code"]) for one in answer.json()["errors"]] == [("/owner", "unknown_field")]
    assert "limit" in answer.json()["errors"][0]["message"]
    assert client.get(f"{path}?limit=2&format=json").status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/v1/tools", "/v1/agents", "/v1/system/metrics", "/v1/endpoints"])
def test_what_is_no_list_takes_no_page(path: str) -> None:
    client = APIClient()
    client.force_authenticate(User.objects.create(username="ada", is_staff=True))
    assert client.get(path).status_code == 200
    assert client.get(f"{path}?limit=2").status_code == 422
    assert client.head(f"{path}?limit=2").status_code == 422
    assert client.options(f"{path}?limit=2").status_code == 200


@pytest.mark.django_db
def test_a_parameter_of_what_takes_a_body_is_refused_and_does_nothing() -> None:
    client = APIClient()
    client.force_authenticate(User.objects.create(username="ada"))
    answer = client.post("/v1/sessions?title=x", {}, format="json")
    assert [one["pointer"] for one in answer.json()["errors"]] == ["/title"]
    assert client.get("/v1/sessions").json()["results"] == []


@pytest.mark.django_db
def test_a_body_is_refused_where_none_is_read() -> None:
    client = APIClient()
    client.force_authenticate(User.objects.create(username="ada"))
    answer = client.post("/v1/auth/ticket", {"for": "a socket"}, format="json")
    assert [(one["pointer"], one["code"]) for one in answer.json()["errors"]] == [("/for", "unknown_field")]
    assert client.post("/v1/auth/ticket", "[1", content_type="application/json").status_code == 400
    form = client.post("/v1/auth/ticket", b"for=x", content_type="application/x-www-form-urlencoded")
    assert [one["pointer"] for one in form.json()["errors"]] == ["/for"]
    assert client.post("/v1/auth/ticket", b"x", content_type="application/octet-stream").status_code == 415
    session = client.post("/v1/sessions", {}, format="json").json()["id"]
    assert client.delete(f"/v1/sessions/{session}", {"force": True}, format="json").status_code == 422
    assert client.get(f"/v1/sessions/{session}").status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "application/json"),
        (b"{}", "application/json"),
        (b"", "application/x-www-form-urlencoded"),
        (b"{}", "application/x-www-form-urlencoded"),
        (b"--x--\r\n", "multipart/form-data; boundary=x"),
        (b"csrfmiddlewaretoken=abc", "application/x-www-form-urlencoded"),
        (b"", "application/octet-stream"),
    ],
)
def test_nothing_may_be_sent_in_every_form(body: bytes, kind: str) -> None:
    client = APIClient()
    client.force_authenticate(User.objects.create(username="ada"))
    assert client.post("/v1/auth/ticket", body, content_type=kind).status_code == 201


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "kind"), [(b"{}", "application/json"), (b"", "application/json"), (b"", "text/plain")]
)
def test_nothing_may_be_sent_by_a_browser_that_is_signed_in(body: bytes, kind: str) -> None:
    """Whose body has been parsed before: its CSRF token might be in it."""
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(User.objects.create(username="ada"))
    client.cookies["csrftoken"] = "a" * 32
    sent = {"X-CSRFToken": "a" * 32}
    assert client.post("/v1/auth/ticket", body, content_type=kind, headers=sent).status_code == 201
    refused = client.post("/v1/auth/ticket", {"for": "a socket"}, format="json", headers=sent)
    assert [one["pointer"] for one in refused.json()["errors"]] == ["/for"]


def test_a_body_in_chunks_is_read_as_any_other(start_site: StartSite) -> None:
    site = start_site()
    with closing(HTTPConnection("127.0.0.1", site.port, timeout=30)) as connection:

        def post(path: str, body: bytes, token: str = "") -> tuple[int, Any]:
            headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
            connection.request("POST", path, iter([body[:4], body[4:]]), headers, encode_chunked=True)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

        _, guest = post("/v1/auth/guest", b'{"name": "Chunky"}')
        status, session = post("/v1/sessions", b'{"title": "in chunks"}', guest["access"])
        assert (status, session["title"]) == (201, "in chunks")
        assert post("/v1/sessions", b'{"titel": "in chunks"}', guest["access"])[0] == 422
        assert post("/v1/auth/ticket", b'{"for": "a socket"}', guest["access"])[0] == 422
