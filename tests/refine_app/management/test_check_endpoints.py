"""manage.py check_endpoints before real servers with habits of their own."""

import json
from collections.abc import Iterator

import pytest
from django.core.management import call_command
from pytest_django import Settings

from refine_app.models import Endpoint
from refine_app.services import endpoints
from tests.model_server import Behaviour, ModelServer

REFUSES = json.dumps({"error": {"message": "Unsupported parameter: 'temperature'", "param": "temperature"}})


@pytest.fixture
def server(db: None, settings: Settings) -> Iterator[ModelServer]:
    settings.PRIVATE_ENDPOINTS_ALLOWED = True
    with ModelServer(default=Behaviour(answer="ready")) as running:
        Endpoint.objects.create(slug="one", model="stand-in", url=running.url)
        yield running


def test_an_endpoints_quirks_are_shown_in_its_line_and_kept(
    server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.then(Behaviour(status=400, body=REFUSES))
    call_command("check_endpoints", "one")
    assert capsys.readouterr().out.rstrip().endswith("; no temperature")
    assert endpoints.find_endpoint("one").quirks.dropped == {"temperature"}
    call_command("check_endpoints", "one", "--json")
    assert json.loads(capsys.readouterr().out)["endpoints"][0]["quirks"] == "no temperature"
    assert server.count == 3


def test_a_model_that_thinks_is_given_room_and_answers(server: ModelServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.then(Behaviour(answer="", finish_reason="length"))
    call_command("check_endpoints", "one")
    assert "thinks: 8,192 tokens of room" in capsys.readouterr().out
    assert server.requests[-1].body["max_tokens"] > 8_000
