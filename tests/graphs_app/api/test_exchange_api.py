"""Files out of the site and into it, over HTTP."""

import json
from base64 import b64encode

import pytest
from rest_framework.test import APIClient

from tests.graphs_app import cast


@pytest.fixture
def api(db: None) -> APIClient:
    client = APIClient()
    client.force_authenticate(cast.make_ada())
    assert client.post("/v1/graphs", cast.SUM, format="json").status_code == 201
    return client


@pytest.mark.parametrize(
    ("form", "kind", "name", "begins"),
    [
        ("svg", "image/svg+xml", "sum.svg", b"<svg"),
        ("png", "image/png", "sum.png", b"\x89PNG"),
        ("mermaid", "text/plain; charset=utf-8", "sum.mmd", b"---\ntitle"),
        ("json", "application/json; charset=utf-8", "sum.json", b"{\n"),
        ("python", "text/x-python; charset=utf-8", "sum.py", b'"""Sum'),
        ("langgraph", "application/json; charset=utf-8", "sum.langgraph.json", b"{\n"),
        ("files", "application/zip", "sum-1.0.0.zip", b"PK\x03\x04"),
    ],
)
def test_a_graph_is_downloaded_in_every_form(api: APIClient, form: str, kind: str, name: str, begins: bytes) -> None:
    answer = api.get(f"/v1/graphs/sum/export?as={form}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, kind)
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert answer.content.startswith(begins)


def test_what_was_downloaded_is_uploaded_again_as_a_graph_of_its_own(api: APIClient) -> None:
    for form in ("json", "python", "langgraph"):
        text = api.get(f"/v1/graphs/sum/export?as={form}").content.decode()
        made = api.post("/v1/graphs/import", {"text": text, "name": f"From {form}"}, format="json")
        assert (made.status_code, made.json()["slug"]) == (201, f"from-{form}"), made.content
        assert [node["tool"] for node in made.json()["definition"]["nodes"]] == ["set_state", "compute"]


def test_a_versions_files_come_back_as_a_version_with_the_same_content_number_and_note(api: APIClient) -> None:
    api.put("/v1/graphs/sum/draft", {"definition": {**cast.SUM, "max_iterations": 7}}, format="json")
    note = "It turns\nat most seven times."
    asked = {"number": "2.5.0", "title": "Seven", "note": note}
    assert api.post("/v1/graphs/sum/publish", asked, format="json").status_code == 201
    content = api.get("/v1/graphs/sum/export?as=files").content
    made = api.post("/v1/graphs/import", {"zip": b64encode(content).decode()}, format="json")
    assert (made.status_code, made.json()["slug"]) == (201, "sum-2"), made.content
    old, new = (api.get(f"/v1/graphs/{key}").json() for key in ("sum/versions/2", "sum-2/versions/1"))
    assert [new[key] for key in ("definition", "semver", "title", "note")] == [
        old[key] for key in ("definition", "semver", "title", "note")
    ]
    snapshots = [api.get(f"/v1/graphs/{key}/snapshot").json() for key in ("sum/versions/2", "sum-2/versions/1")]
    assert snapshots[0]["sha256"] == snapshots[1]["sha256"]
    for asked in ({}, {"zip": "no base64!"}, {"zip": b64encode(b"PK\x03\x04").decode()}, {"zip": "", "text": "{}"}):
        assert api.post("/v1/graphs/import", asked, format="json").status_code in (400, 422)


def test_what_cannot_be_read_or_run_is_refused_with_its_place(api: APIClient) -> None:
    broken = api.post("/v1/graphs/import", {"text": "{"}, format="json")
    assert (broken.status_code, broken.json()["code"]) == (422, "invalid_import")
    wrong = {**cast.SUM, "entry_node": "nowhere"}
    invalid = api.post("/v1/graphs/import", {"text": json.dumps(wrong)}, format="json")
    assert invalid.json()["code"] == "invalid_graph"
    assert invalid.json()["errors"][0]["pointer"] == "/entry_node"
    assert api.get("/v1/graphs/sum/export?as=exe").status_code == 422
    assert api.get("/v1/graphs/sum/export?version=9").status_code == 404


def test_a_graph_that_is_too_large_to_draw_says_so(api: APIClient) -> None:
    many = 3001
    nodes = [{"node_id": f"n{at}", "tool": "compute", "config": {"set": {}}} for at in range(many)]
    edges = [{"from_node": f"n{at}", "to_node": f"n{at + 1}"} for at in range(many - 1)]
    large = {"name": "Large", "entry_node": "n0", "nodes": nodes, "edges": edges}
    made = api.post("/v1/graphs", large, format="json")
    assert made.status_code == 201, made.content[:500]
    refused = api.get("/v1/graphs/large/export?as=png")
    assert (refused.status_code, refused.json()["code"]) == (422, "picture_unavailable")
