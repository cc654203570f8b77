"""The OpenAPI document tells the truth: what goes in, what comes out, and what goes wrong."""

import json
from typing import Any

import pytest
from django.core.management import call_command

from agentsite.openapi import METHODS
from tests.agentsite import fuzz
from tests.servers.site import NO_LIMITS, StartSite


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("schema") / "openapi.json"
    call_command("spectacular", "--validate", "--fail-on-warn", "--format", "openapi-json", "--file", str(path))
    return json.loads(path.read_text())


def operations(document: Any) -> list[tuple[str, str, Any]]:
    return [(path, name, item[name]) for path, item in document["paths"].items() for name in METHODS if name in item]


def test_every_operation_says_how_it_fails_in_problems(document: Any) -> None:
    for path, method, operation in operations(document):
        failing = {status: answer for status, answer in operation["responses"].items() if status >= "4"}
        assert {"403", "429", "503", "default"} <= set(failing), (path, method)
        for answer in failing.values():
            assert list(answer["content"]) == ["application/problem+json"]
        assert "Retry-After" in failing["429"]["headers"]
        if "requestBody" in operation:
            assert {"400", "413", "415", "422"} <= set(failing), (path, method)


def test_operations_are_grouped_by_what_people_do(document: Any) -> None:
    groups = {operation["tags"][0] for _, _, operation in operations(document)}
    assert groups == {tag["name"] for tag in document["tags"]}


def test_a_body_takes_no_fields_that_are_not_named_and_no_nul(document: Any) -> None:
    schemas = document["components"]["schemas"]
    for path, method, operation in operations(document):
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content and "$ref" in content["schema"]:
            shape = schemas[content["schema"]["$ref"].rpartition("/")[2]]
            assert shape["additionalProperties"] is False, (path, method)
            for name, field in shape["properties"].items():
                if field.get("type") == "string" and not {"format", "enum"} & set(field):
                    assert "pattern" in field, (path, method, name)


def test_what_can_be_sent_twice_says_so(document: Any) -> None:
    for path, method, operation in operations(document):
        for one in operation.get("parameters", ()):
            if one["name"] == "Idempotency-Key":
                assert one["schema"]["maxLength"] == 255, (path, method)
                assert "Idempotent-Replayed" in operation["responses"][min(operation["responses"])]["headers"]


@pytest.mark.timeout(400)
def test_schemathesis_finds_nothing_as_a_guest_a_member_and_staff(start_site: StartSite) -> None:
    site = start_site(environment=dict(NO_LIMITS))
    for role, ended in fuzz.fuzz(site, seconds=20, seed=1).items():
        assert ended.returncode == 0, f"as {role}:\n{ended.stdout[-6000:]}\n{ended.stderr[-2000:]}"
