"""Priorities on RabbitMQ, which knows them only in queues that are declared so, and counts them the other way round."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import rabbitmq
from tests.servers.site import ROOT
from tests.servers.tls import TlsInFront, certify

SEND_AND_READ = """
import django, json, uuid
django.setup()
from agentsite.celery import app
from graphs_app import dispatch
dispatch.through(__import__("agentsite.celery").celery)
runs = {uuid.UUID(int=n + 1): priority for n, priority in enumerate([0, 9, 5, 0, 9])}
for run, priority in runs.items():
    assert dispatch.send(run, priority)
with app.connection_for_read() as connection:
    queue = app.amqp.queues["agent_tasks"](connection.default_channel)
    found = [queue.get(no_ack=True) for _ in runs]
print(json.dumps([runs[uuid.UUID(json.loads(one.body)[1]["task_id"])] for one in found]))
"""
CONNECT = """
import django
django.setup()
from agentsite.celery import app
with app.connection_for_write() as connection:
    try:
        connection.ensure_connection(max_retries=1, timeout=5)
        print("connected")
    except Exception as error:
        print("refused", error)
"""
DECLARED = """
import django
django.setup()
from agentsite.celery import app
print({name: queue.queue_arguments for name, queue in app.amqp.queues.items()})
"""


def run(script: str, var_dir: Path, url: str, **more: str) -> str:
    environment = {"PATH": os.environ["PATH"], "VAR_DIR": str(var_dir), "ENV_FILE": os.devnull, "BROKER_URL": url}
    environment |= {"DJANGO_SETTINGS_MODULE": "agentsite.settings", **more}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_queues_of_rabbitmq_are_declared_with_priorities(tmp_path: Path) -> None:
    argument = {"x-max-priority": 9}
    assert run(DECLARED, tmp_path, "amqp://localhost//") == str(
        dict.fromkeys(["agent_tasks", "runs", "upkeep"], argument)
    )


def test_the_most_urgent_is_9_of_amqp_and_0_of_redis(tmp_path: Path) -> None:
    def counted_by(url: str) -> str:
        return run(
            "import django; django.setup(); from graphs_app.dispatch import urgency; print(urgency(9))", tmp_path, url
        )

    assert {counted_by(f"{scheme}://host//") for scheme in ("amqp", "amqps", "pyamqp")} == {"9"}
    assert {counted_by(url) for url in ("redis://host/0", "memory://")} == {"0"}


@pytest.mark.skipif(not rabbitmq.PROGRAM.exists(), reason="Debian's rabbitmq-server is not installed")
def test_rabbitmq_gives_the_most_urgent_run_first(tmp_path: Path) -> None:
    with rabbitmq.started_in(tmp_path) as broker:
        assert run(SEND_AND_READ, tmp_path, broker.url) == "[9, 9, 5, 0, 0]"


@pytest.mark.skipif(not rabbitmq.PROGRAM.exists(), reason="Debian's rabbitmq-server is not installed")
def test_amqps_is_verified_by_its_ca_and_its_name(tmp_path: Path) -> None:
    certify(tmp_path)
    ca = {"BROKER_CA_FILE": str(tmp_path / "ca.pem")}
    with rabbitmq.started_in(tmp_path) as broker:
        in_front = TlsInFront(("127.0.0.1", broker.port), tmp_path)
        right, wrong = (f"amqps://guest:guest@{name}:{in_front.port}//" for name in ("localhost", "127.0.0.1"))
        assert run(CONNECT, tmp_path, right, **ca) == "connected"
        assert "CERTIFICATE_VERIFY_FAILED" in run(CONNECT, tmp_path, right)
        assert "CERTIFICATE_VERIFY_FAILED" in run(CONNECT, tmp_path, wrong, **ca)
        in_front.listener.close()
