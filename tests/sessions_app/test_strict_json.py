"""JSON that people send is read in one way only, wherever it comes in."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from graphs_app.exchange.folder import NotAFolder, read_folder, zip_of
from graphs_app.exchange.reading import NotAGraph, read_graph
from refine_app.tools.replies import read_data
from sessions_app import strict_json
from sessions_app.models import User
from sessions_app.realtime import protocol
from sessions_app.strict_json import JsonRefused


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        ('{"a": 1, "a": 1}', "/a"),
        ('{"a": {"b/c": [0, {"~": 1, "x": 2, "~": 3}]}}', "/a/b~1c/1/~0"),
        ('{"a": {"b": 1, "b": 2}, "a": 3}', "/a"),
        ('[{"": 1, "": 2}]', "/0/"),
        ('{"a": 1, "\\u0061": 2}', "/a"),
    ],
)
def test_a_key_that_is_there_twice_is_refused_with_its_place(text: str, pointer: str) -> None:
    with pytest.raises(JsonRefused) as refused:
        strict_json.loads(text)
    assert (refused.value.code, refused.value.pointer) == ("duplicate_key", pointer)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("NaN", "not_a_number"),
        ('{"a": -Infinity}', "not_a_number"),
        ("1e999999", "number_too_large"),
        ("-1e400", "number_too_large"),
        ("9" * 309, "number_too_large"),
        ("9" * 1_000_000, "number_too_large"),
        ("[" * 100_000, "not_json"),
        ('{"a":' * 100_000, "not_json"),
        (b'"\xff"', "not_json"),
        ("{'a': 1}", "not_json"),
        ("", "not_json"),
        ("1 2", "not_json"),
        ("{'a'}" * 1000, "not_json"),
    ],
)
def test_what_is_no_json_or_cannot_be_kept_is_refused(text: str | bytes, code: str) -> None:
    begun = time.process_time()
    with pytest.raises(JsonRefused) as refused:
        strict_json.loads(text)
    assert refused.value.code == code
    assert len(str(refused.value)) < 200
    assert time.process_time() - begun < 2


@pytest.mark.parametrize(
    "value", [{}, [], {"a": [1, -2.5, None, True, "x"], "b": {"a": {}}}, 10**300, 1e-400, "é\u2028"]
)
def test_what_is_json_is_read_as_ever(value: Any) -> None:
    assert strict_json.loads(json.dumps(value)) == value
    assert strict_json.loads(json.dumps(value, ensure_ascii=False).encode()) == value


TWICE = '{"nodes": [], "nodes": []}'


@pytest.mark.django_db
def test_a_body_is_refused_with_the_pointer_of_the_key(client: APIClient) -> None:
    api = APIClient()
    api.force_authenticate(User.objects.create(username="ada"))
    for body, pointer in ((TWICE, "/nodes"), ('{"a": {"b": 1, "b": 2}}', "/a/b")):
        answer = api.post("/v1/graphs", body, content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
        assert [(one["pointer"], one["code"]) for one in answer.json()["errors"]] == [(pointer, "duplicate_key")]
    for body in ('{"a": NaN}', '{"a": 1e999999}', '{"a": ' + "9" * 100_000 + "}", '{"a":' * 50_000):
        assert api.post("/v1/graphs", body, content_type="application/json").status_code == 400


def test_a_graph_that_is_imported_is_read_the_same_way() -> None:
    with pytest.raises(NotAGraph, match=r"'/nodes' is there twice"):
        read_graph(TWICE)
    with pytest.raises(NotAFolder, match=r"graph\.json cannot be taken: the key at '/nodes' is there twice"):
        read_folder(zip_of({"graph.json": TWICE}, "folder"))


@pytest.mark.parametrize("frame", ['{"type": "ping", "type": "ping"}', '{"type": NaN}', '{"type": 1e999}'])
def test_a_frame_of_a_socket_is_read_the_same_way(frame: str) -> None:
    with pytest.raises(protocol.MalformedFrame):
        protocol.parse(frame)


def test_the_reply_of_a_model_is_read_the_same_way() -> None:
    assert read_data('{"a": 1}', {})[0] == {"a": 1}
    for text in ('{"a": 1, "a": 2}', '{"a": NaN}', '{"a": 1e999}'):
        assert read_data(text, {})[0] is None


@pytest.mark.django_db
def test_a_file_on_the_command_line_is_read_the_same_way(tmp_path: Path) -> None:
    file = tmp_path / "graph.json"
    file.write_text(TWICE)
    with pytest.raises(CommandError, match=r"'/nodes' is there twice"):
        call_command("run_graph", str(file))
