"""`manage.py serve` as a process: it says when it answers, it ends cleanly, and it says what is in its way."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from agentsite import api_schema
from tests.faults.field import wait_until
from tests.servers.site import ROOT, Site, StartSite


def get(site: Site, path: str) -> tuple[int, dict[str, str], bytes]:
    connection = HTTPConnection("127.0.0.1", site.port, timeout=10)
    try:
        connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def test_it_says_in_one_line_where_to_go(live_site: Site) -> None:
    # Who asks may be answered a moment before the line is written.
    wait_until(lambda: "ready" in live_site.log(), "its line")
    said = [line for line in live_site.log().splitlines() if "ready" in line]
    assert said == [f"agentsite is ready on http://127.0.0.1:{live_site.port}"]


def test_readiness_names_every_part(live_site: Site) -> None:
    status, _, body = get(live_site, "/api/health/ready")
    checks = {check["name"]: check for check in json.loads(body)["checks"]}
    assert status == 200
    assert set(checks) == {"database", "broker", "channel_layer", "worker"}
    assert all(check["ok"] and check["ms"] >= 0 and check["detail"] for check in checks.values())


def test_the_scaled_out_form_is_ready_with_the_same_parts(scaled_site: Site) -> None:
    status, _, body = get(scaled_site, "/api/health/ready")
    details = {check["name"]: check["detail"] for check in json.loads(body)["checks"]}
    assert status == 200
    assert details["database"] == "postgresql"
    assert details["broker"] == "redis"
    assert details["channel_layer"] == "RedisPubSubChannelLayer"


def test_readiness_fails_while_the_worker_is_gone(scaled_site: Site) -> None:
    scaled_site.kill(scaled_site.worker)
    wait_until(lambda: get(scaled_site, "/api/health/ready")[0] != 200, "the worker's absence")
    status, headers, body = get(scaled_site, "/api/health/ready")
    failed = [check["name"] for check in json.loads(body)["checks"] if not check["ok"]]
    assert (status, failed) == (503, ["worker"])
    assert headers["retry-after"]
    assert get(scaled_site, "/api/health")[0] == 200
    scaled_site.start()
    assert get(scaled_site, "/api/health/ready")[0] == 200


def test_doctor_finds_a_running_site_well(live_site: Site) -> None:
    done = live_site.manage("doctor", "--json")
    checks = {check["name"]: check["ok"] for check in json.loads(done.stdout)["checks"]}
    assert done.returncode == 0, done.stdout + done.stderr
    assert checks.keys() == {
        *("settings", "database", "broker", "channel_layer", "worker", "migrations", "files", "endpoints")
    }


def test_doctor_names_what_is_wrong_and_fails(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "VAR_DIR": str(tmp_path), "ENV_FILE": os.devnull}
    done = subprocess.run(
        [sys.executable, "manage.py", "doctor"], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "manage.py migrate" in done.stdout
    assert "Traceback" not in done.stderr


def test_doctor_names_the_model_that_a_key_alone_switches_on(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "VAR_DIR": str(tmp_path), "ENV_FILE": os.devnull, "GROQ_API_KEY": "key"}
    for command in (["migrate", "--verbosity", "0"], ["doctor"]):
        done = subprocess.run(
            [sys.executable, "manage.py", *command],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    assert "by groq" in done.stdout
    assert "built-in rules" not in done.stdout


def test_it_ends_cleanly_on_sigterm_and_on_ctrl_c(start_site: StartSite) -> None:
    site = start_site()
    for number in (signal.SIGTERM, signal.SIGINT):
        site.start()
        assert site.web is not None
        site.web.send_signal(number)
        assert site.web.wait(60) == 0
        assert "Traceback" not in site.log()


def test_a_port_in_use_is_said_in_words(tmp_path: Path, live_site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "manage.py", "serve", "--port", str(port)],
            env=live_site.environment | {"VAR_DIR": str(tmp_path)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 1
    assert f"Port {port} of 127.0.0.1 is in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_idle_site_leaves_the_processor_alone(live_site: Site) -> None:
    def spent() -> float:
        fields = Path(f"/proc/{live_site.web.pid}/stat").read_text().rpartition(")")[2].split()  # type: ignore[union-attr]
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    time.sleep(1)  # what starting left to do is no part of being idle
    before, since = spent(), time.monotonic()
    time.sleep(2)
    assert (spent() - before) / (time.monotonic() - since) < 0.25  # a loop that spins takes all there is


def test_static_files_are_kept_for_good_under_a_path_that_names_their_content(live_site: Site) -> None:
    _, _, page = get(live_site, "/v1/docs")
    bundle = page.decode().partition('src="')[2].partition('"')[0]
    status, headers, _ = get(live_site, bundle)
    assert status == 200
    assert "immutable" in headers["cache-control"]


def test_the_schema_and_its_pages_need_nothing_from_elsewhere(live_site: Site) -> None:
    assert get(live_site, "/v1/schema")[0] == 200
    status, headers, page = get(live_site, "/v1/docs")
    assert status == 200
    assert b"//" not in page.replace(b"<!DOCTYPE", b"")
    assert "unsafe" not in headers["content-security-policy"]
    assert b"<style" not in page
    assert get(live_site, "/v1/docs?script=")[1]["content-type"].startswith("application/javascript")


@pytest.mark.parametrize("path", ["/docs", "/docs/", "/v1/docs/"])
def test_the_api_s_page_is_found_where_people_look_for_it(live_site: Site, path: str) -> None:
    status, headers, _ = get(live_site, path)
    assert (status, headers["location"]) == (302, "/v1/docs")


@pytest.mark.parametrize("kind", ["json", "yaml"])
def test_the_schema_is_made_once(kind: str, db: None, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_schema.ApiSchema, "written", {})
    made, make = list[str](), SchemaGenerator.get_schema

    def counted(self: SchemaGenerator, *asked: Any, **named: Any) -> Any:
        made.append(kind)
        return make(self, *asked, **named)

    monkeypatch.setattr(SchemaGenerator, "get_schema", counted)
    answers = [client.get(f"/v1/schema?format={kind}&version={version}") for version in ("1", "2", "a%0ab")]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert len({answer.content for answer in answers}) == 1
    assert made == [kind]


def test_the_schema_names_every_shape_once(tmp_path: Path) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yaml"))


def test_metrics_count_requests_by_route_and_runs_by_status(live_site: Site) -> None:
    get(live_site, "/api/health")
    _, headers, body = get(live_site, "/api/health/metrics")
    text = body.decode()
    assert headers["content-type"].startswith("text/plain")
    assert 'agentsite_http_requests_total{method="GET",route="api/health",status="200"}' in text
    assert 'agentsite_runs{status="queued"} 0.0' in text
    for name in ("agentsite_queue_depth", "agentsite_node_runs", "agentsite_sockets", "agentsite_workers"):
        assert f"\n{name} " in text
