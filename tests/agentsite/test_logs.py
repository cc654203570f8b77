"""Log lines: one JSON object each, with the request they belong to."""

import json
import logging

import pytest
from django.test import Client

from agentsite import logs
from sessions_app.services import auth


def record(message: str = "done in %d steps", *arguments: object, **extra: object) -> logging.LogRecord:
    made = logging.getLogger("agentsite.test").makeRecord(
        "agentsite.test", logging.INFO, __file__, 1, message, arguments or (3,), None, extra=extra
    )
    assert isinstance(made, logging.LogRecord)
    return made


def test_a_json_line_has_the_message_its_context_and_the_time() -> None:
    line = json.loads(logs.JsonFormatter().format(record(run_id="r-1")))
    assert (line["level"], line["logger"], line["message"]) == ("INFO", "agentsite.test", "done in 3 steps")
    assert line["context"] == {"run_id": "r-1"}
    assert line["timestamp"].endswith("+00:00")


def test_a_line_break_cannot_forge_a_second_line() -> None:
    assert "\n" not in logs.JsonFormatter().format(record("%s", "a\nERROR all is lost"))


def test_an_exception_is_on_the_same_line() -> None:
    try:
        raise ValueError("why")
    except ValueError as error:
        made = record()
        made.exc_info = (ValueError, error, error.__traceback__)
    line = logs.JsonFormatter().format(made)
    assert "\n" not in line
    assert "ValueError: why" in json.loads(line)["exception"]


def test_a_line_for_people_ends_with_the_context() -> None:
    assert logs.LineFormatter().format(record(run_id="r-1")).endswith("done in 3 steps [run_id=r-1]")


def test_every_request_has_one_line_with_its_id(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="agentsite.request"):
        client.get("/v1/nothing", headers={"X-Request-ID": "order-66-of-ours"})
    [line] = [json.loads(logs.JsonFormatter().format(one)) for one in caplog.records if one.name == "agentsite.request"]
    assert line["context"]["status"] == 404
    assert line["context"]["path"] == "/v1/nothing"
    assert line["context"]["duration_ms"] >= 0


@pytest.mark.django_db
def test_a_line_names_who_asked_by_cookie_or_by_token_and_nobody_when_nobody_did(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    user = auth.create_guest(name="Ana")
    token = auth.tokens_for(user).access
    with caplog.at_level(logging.INFO, logger="agentsite.request"):
        client.get("/v1/sessions")
        client.get("/v1/sessions", headers={"Authorization": f"Bearer {token}"})
        client.force_login(user)
        client.get("/v1/sessions")
    lines = [one for one in caplog.records if one.name == "agentsite.request"]
    assert [getattr(line, "user_id", "") for line in lines] == [None, str(user.pk), str(user.pk)]


def test_what_happens_in_a_request_carries_its_id() -> None:
    token = logs.request_id.set("order-66-of-ours")
    try:
        assert json.loads(logs.JsonFormatter().format(record()))["context"] == {"request_id": "order-66-of-ours"}
    finally:
        logs.request_id.reset(token)
