"""Answers that have not changed are not sent again, and no cache between may keep them."""

from collections.abc import Callable

import pytest
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from agentsite import api_schema
from sessions_app.models import User
from tests.graphs_app.cast import line, node

pytestmark = pytest.mark.django_db

GRAPH = line("One", node("a", "set_state", {"values": {"n": 1}}))


@pytest.fixture
def client_of() -> Callable[[str], APIClient]:
    def made(name: str) -> APIClient:
        client = APIClient()
        client.force_authenticate(User.objects.create(username=name))
        return client

    return made


def test_what_has_not_changed_is_not_sent_again(client_of: Callable[[str], APIClient]) -> None:
    ana = client_of("ana")
    first = ana.get("/v1/graphs")
    assert {"private", "no-cache"} == set(first["Cache-Control"].split(", "))
    assert {"Authorization", "Cookie"} <= set(first["Vary"].split(", "))
    again = ana.get("/v1/graphs", headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    assert ana.post("/v1/graphs", GRAPH, format="json").status_code == 201
    changed = ana.get("/v1/graphs", headers={"If-None-Match": first["ETag"]})
    assert (changed.status_code, changed.json()["results"][0]["name"]) == (200, "One")


def test_an_etag_opens_nothing_for_somebody_else(client_of: Callable[[str], APIClient]) -> None:
    ana, ben = client_of("ana"), client_of("ben")
    graph = ana.post("/v1/graphs", GRAPH, format="json").json()["id"]
    etag = ana.get(f"/v1/graphs/{graph}")["ETag"]
    assert ben.get(f"/v1/graphs/{graph}", headers={"If-None-Match": etag}).status_code == 404
    assert Client().get(f"/v1/graphs/{graph}", headers={"If-None-Match": etag}).status_code == 401


def test_the_openapi_document_is_made_once(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    make = SchemaGenerator.get_schema

    def counted(self: SchemaGenerator, request: object = None, public: bool = False) -> object:
        made.append(public)
        return make(self, request, public)

    monkeypatch.setattr(SchemaGenerator, "get_schema", counted)
    monkeypatch.setattr(api_schema.ApiSchema, "written", {})
    first = client.get("/v1/schema")
    second = client.get("/v1/schema", headers={"If-None-Match": first["ETag"]})
    assert (first.status_code, second.status_code, made) == (200, 304, [True])
