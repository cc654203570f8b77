"""manage.py check_endpoints before real servers with habits of their own."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.management import call_command
from pytest_django import Settings

from refine_app.models import Endpoint
from refine_app.services import endpoints
from tests.faults.field import wait_until
from tests.model_server import Behaviour, ModelServer
from tests.model_server.server import Request
from tests.refine_app.test_from_request_to_follow_up import Program
from tests.servers.site import build, tear_down

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


Refuses = Callable[[dict[str, Any]], str]
"""Why a server does not take a request; empty when it does."""


def with_parameter(name: str, words: str) -> Refuses:
    return lambda body: words if name in body else ""


def beyond(most: int, words: str) -> Refuses:
    return lambda body: words if body.get("max_tokens", 0) > most else ""


def with_roles(words: str, *roles: str) -> Refuses:
    return lambda body: words if [one["role"] for one in body["messages"]] == list(roles) else ""


PICKY: dict[str, Refuses] = {
    "no temperature": with_parameter("temperature", "`temperature` is deprecated for this model."),
    "no stream_options": with_parameter("stream_options", "unknown field `stream_options`"),
    "max_completion_tokens instead of max_tokens": with_parameter(
        "max_tokens", "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    ),
    "at most 12 tokens": beyond(12, "max_tokens is too large: this model supports at most 12 completion tokens"),
    "a context of 60 tokens": beyond(
        50, "This model's maximum context length is 60 tokens. However, your request has 10 input tokens."
    ),
    "no system role: its words go into the first user message": with_roles(
        "System role not supported", "system", "user"
    ),
}


def picky(refuses: Refuses) -> Callable[[Request], Behaviour]:
    """What a server that refuses does with a request, whatever was asked before."""

    def choose(request: Request) -> Behaviour:
        words = refuses(request.body)
        return Behaviour(status=400, body=json.dumps({"error": {"message": words}})) if words else Behaviour("ready")

    return choose


@pytest.mark.parametrize("told", PICKY)
def test_each_quirk_is_found_told_in_one_line_and_asked_for_no_more(
    server: ModelServer, capsys: pytest.CaptureFixture[str], told: str
) -> None:
    Endpoint.objects.update(thinking_tokens=100)
    server.chooses = picky(PICKY[told])
    call_command("check_endpoints", "one")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("ok")
    assert lines[0].endswith(f"; {told}")
    before = server.count
    call_command("check_endpoints", "one")
    assert capsys.readouterr().out.rstrip().endswith(f"; {told}")
    assert server.count == before + 1, "it is asked as it wants to be from the first request on"


def test_a_server_that_does_not_stream_is_known(server: ModelServer, capsys: pytest.CaptureFixture[str]) -> None:
    whole = json.dumps({"choices": [{"index": 0, "message": {"content": "ready"}, "finish_reason": "stop"}]})

    def choose(request: Request) -> Behaviour:
        if "stream" in request.body:
            return Behaviour(status=400, body=json.dumps({"message": "The model is unsupported for streaming."}))
        return Behaviour(body=whole)

    server.chooses = choose
    call_command("check_endpoints", "one")
    assert capsys.readouterr().out.rstrip().endswith("; no stream")


def test_several_quirks_stand_in_one_line_and_with_a_failure_too(
    server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    def choose(request: Request) -> Behaviour:
        for told in ("no temperature", "no system role: its words go into the first user message"):
            if words := PICKY[told](request.body):
                return Behaviour(status=400, body=json.dumps({"error": {"message": words}}))
        return Behaviour(
            status=502, body="<html>\n<head><title>502 Bad Gateway</title></head>\n<body>\n</body>\n</html>"
        )

    server.chooses = choose
    with pytest.raises(SystemExit):
        call_command("check_endpoints", "one")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    assert "answered 502: 502 Bad Gateway" in lines[0]
    assert lines[0].endswith("; no temperature; no system role: its words go into the first user message")


def test_quirks_of_another_url_or_model_are_not_believed(server: ModelServer) -> None:
    server.chooses = picky(PICKY["no temperature"])
    call_command("check_endpoints", "one")
    assert endpoints.find_endpoint("one").quirks.dropped == {"temperature"}
    Endpoint.objects.filter(slug="one").update(model="another")
    assert not endpoints.find_endpoint("one").quirks.dropped
    call_command("check_endpoints", "one")
    assert endpoints.find_endpoint("one").quirks.dropped == {"temperature"}


@pytest.mark.parametrize("scaled", [False, True])
def test_web_and_workers_use_what_was_stored_also_after_a_restart(scaled: bool) -> None:
    with ModelServer() as model:
        model.chooses = picky(PICKY["no temperature"])
        site = build(scaled=scaled, environment={"MODEL_ENDPOINT_URL": model.url, "MODEL_ENDPOINT_MODEL": "stand-in"})
        try:
            assert "; no temperature" in site.manage("check_endpoints").stdout
            for _ in range(2):
                asked = model.count
                site.start()
                program = Program(site)
                session = program.post("/v1/sessions", {"title": "t", "language": "python", "text": "x = 1\n"})["id"]
                program.post(
                    f"/v1/sessions/{session}/requests", {"intent": "refine_code", "instruction": "Improve it."}
                )
                wait_until(lambda: model.count > asked, "a call of the model")  # noqa: B023
                assert "temperature" not in model.requests[asked].body
                site.stop()
        finally:
            tear_down(site)
