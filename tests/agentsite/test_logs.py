"""Log lines: one JSON object each, with the request they belong to."""

import json
import logging
import os
import subprocess
import sys

import pytest
from django.test import Client

from agentsite import logs
from sessions_app import log_context
from sessions_app.services import auth
from tests.servers.person import Person
from tests.servers.site import StartSite


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
    with log_context.bound(request_id="order-66-of-ours"):
        assert json.loads(logs.JsonFormatter().format(record()))["context"] == {"request_id": "order-66-of-ours"}


def test_a_json_line_has_what_it_belongs_to_in_places_of_their_own() -> None:
    with log_context.bound(task_id="t-1", session_id="s-1", agent_name="refine_code", user_id="u-1", request_id=""):
        line = json.loads(logs.JsonFormatter().format(record(duration_ms=12, success=True)))
    assert (line["task_id"], line["session_id"], line["agent_name"]) == ("t-1", "s-1", "refine_code")
    assert line["context"] | {"executionId": "t-1", "agentId": "refine_code", "userId": "u-1"} == line["context"]
    assert line["metadata"] == {"durationMs": 12, "success": True}
    assert line["traceId"] == "t-1"
    assert "request_id" not in line


def test_an_answer_is_told_with_its_endpoint_its_status_and_its_session(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    session = "01a2254c-85a1-7330-9d3a-d4d4bff86432"
    with caplog.at_level(logging.INFO, logger="agentsite.request"):
        client.get(f"/v1/sessions/{session}", headers={"X-Request-ID": "order-66-of-ours"})
    [made] = [one for one in caplog.records if one.name == "agentsite.request"]
    line = json.loads(logs.JsonFormatter().format(made))
    assert (line["endpoint"], line["status_code"], line["session_id"]) == (
        "v1/sessions/<uuid:session_id>", 401, session,
    )  # fmt: skip
    assert line["metadata"]["success"] is False


@pytest.mark.parametrize(("level", "name"), [(5, "TRACE"), (30, "WARN"), (40, "ERROR"), (50, "FATAL")])
def test_levels_have_the_names_that_settings_have(level: int, name: str) -> None:
    made = record()
    made.levelno, made.levelname = level, logging.getLevelName(level)
    assert json.loads(logs.JsonFormatter().format(made))["level"] == name


@pytest.mark.parametrize("given", ["TRACE", "trace", "info", "Warn", "FATAL"])
def test_a_level_may_be_written_in_either_case(given: str) -> None:
    assert started(LOG_LEVEL=given).returncode == 0


def test_a_level_that_is_none_is_refused_with_those_that_are() -> None:
    refused = started(LOG_LEVEL="loud")
    assert refused.returncode != 0
    assert "LOG_LEVEL='loud' has to be one of trace, debug, info" in refused.stderr


def test_json_of_the_site_and_of_workers_goes_to_stdout_and_that_of_commands_does_not() -> None:
    assert logs.goes_to_stdout(["manage.py", "serve"])
    assert logs.goes_to_stdout(["-m", "celery", "-A", "agentsite", "worker"])
    assert not logs.goes_to_stdout(["manage.py", "refine", "serve.py"])


def started(**environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", "diffsettings"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("form", ["embedded", "scaled"])
def test_a_run_that_ended_is_a_line_of_json_in_the_log_of_its_worker(start_site: StartSite, form: str) -> None:
    site = start_site(scaled=form == "scaled", environment={"LOG_FORMAT": "json"})
    guest = Person(site)
    guest.token = guest.call("POST", "/v1/auth/guest", {})["access"]
    session = guest.call("POST", "/v1/sessions", {"text": "x = 1\n"})["id"]
    state = {"code": "def add(a, b):\n    return a+b\n"}
    run = guest.call("POST", "/v1/runs", {"graph": "code_review", "session": session, "initial_state": state})["id"]
    guest.wait_for(f"/v1/runs/{run}", until={"completed", "failed"})
    log = site.log("worker" if form == "scaled" else "web")
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    [line] = [one for one in lines if one["logger"] == "graphs_app.process_log"]
    assert (line["task_id"], line["session_id"], line["agent_name"]) == (run, session, "code_review")
    assert set(line["metadata"]) == {"durationMs", "success"}
