"""A whole site on RabbitMQ: its runs, their order, programs beside it that send, and a broker that dies in mid-run."""

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import kombu
import pytest
from celery import Celery

from tests.faults.field import wait_until
from tests.model_server import Behaviour, ModelServer
from tests.servers import rabbitmq, shared
from tests.servers.person import Person
from tests.servers.rabbitmq import RabbitMQ
from tests.servers.site import Site, build, tear_down

pytestmark = [
    pytest.mark.once,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not rabbitmq.PROGRAM.exists(), reason="Debian's rabbitmq-server is not installed"),
]
ANSWER = "Here it is.\n\n```python\nprint('hello')\n```\nIt prints a word.\n"
ROUNDS = 12
AT_ONCE_S = 30.0
"""Far less than any patience with a broker that says nothing, and far more than these answers take."""
SLOW = {
    "v": 1,
    "name": "Slow",
    "entry_node": "count",
    "nodes": [
        {"node_id": "count", "tool": "compute", "config": {"set": {"n": "n + 1"}}},
        {"node_id": "rest", "tool": "sleep", "config": {"seconds": 0.3}},
    ],
    "edges": [
        {"from_node": "count", "to_node": "rest", "type": "conditional", "condition": f"n < {ROUNDS}"},
        {"from_node": "rest", "to_node": "count"},
    ],
}
QUICK = {
    "v": 1,
    "name": "Quick",
    "entry_node": "count",
    "nodes": [{"node_id": "count", "tool": "compute", "config": {"set": {"n": "n + 1"}}}],
    "edges": [],
}


@dataclass
class Amqp:
    """The scaled-out site on a RabbitMQ of its own, and a person who uses it."""

    site: Site
    broker: RabbitMQ
    person: Person
    model: ModelServer

    def start_run(self, graph: str, priority: int = 0) -> str:
        asked = {"graph": graph, "initial_state": {"n": 0}, "priority": priority}
        found: str = self.person.call("POST", "/v1/runs", asked)["id"]
        return found

    def run(self, run_id: str) -> Any:
        return self.person.call("GET", f"/v1/runs/{run_id}")

    def ended(self, run_id: str) -> Any:
        return self.person.wait_for(f"/v1/runs/{run_id}", until={"completed", "failed", "cancelled"})

    def graph(self, definition: dict[str, Any]) -> str:
        found: str = self.person.call("POST", "/v1/graphs", definition)["id"]
        return found

    def readiness(self) -> int:
        connection = HTTPConnection("127.0.0.1", self.site.port, timeout=30)
        try:
            connection.request("GET", "/api/health/ready")
            return connection.getresponse().status
        finally:
            connection.close()

    def told_of_the_broker(self) -> tuple[str, str]:
        told = self.person.call("GET", "/v1/system/metrics")
        detail = next(one["detail"] for one in told["checks"] if one["name"] == "broker")
        return told["health"]["broker"], detail

    def stop_worker(self) -> None:
        self.site.kill(self.site.worker)

    def start_worker(self, **environment: str) -> None:
        usual = self.site.environment
        self.site.environment = usual | environment
        try:
            self.site.start()
        finally:
            self.site.environment = usual


@pytest.fixture(scope="module")
def amqp() -> Iterator[Amqp]:
    with ExitStack() as at_the_end:
        folder = at_the_end.enter_context(tempfile.TemporaryDirectory(dir=shared.folder()))
        broker = at_the_end.enter_context(rabbitmq.started_in(Path(folder)))
        model = at_the_end.enter_context(ModelServer())
        endpoint = {"MODEL_ENDPOINT_URL": model.url, "MODEL_ENDPOINT_MODEL": "stand-in"}
        site = build(scaled=True, environment={"BROKER_URL": broker.url, "RUN_LEASE_S": "5"} | endpoint)
        at_the_end.callback(tear_down, site)
        site.start()
        person = Person(site)
        person.token = person.call("POST", "/v1/auth/guest", {"name": "Ada"})["access"]
        yield Amqp(site, broker, person, model)


def test_a_task_runs_from_end_to_end(amqp: Amqp) -> None:
    chosen = {"agent_name": "CodeAgent", "confidence": 0.9, "reasoning": "It asks for code."}
    amqp.model.then(Behaviour(answer=json.dumps(chosen)), Behaviour(answer=ANSWER))
    task = amqp.person.call("POST", "/v1/agent/execute", {"task": "Write hello world"})
    done = amqp.person.wait_for(f"/v1/tasks/{task['task_id']}", until={"completed", "failed"})
    assert (done["status"], done["selected_agent"]) == ("completed", "CodeAgent"), done
    assert done["result"]["raw_output"] == ANSWER
    assert amqp.told_of_the_broker() == ("ok", "py-amqp")


def test_runs_of_priority_9_pass_those_of_priority_0_in_the_queue(amqp: Amqp) -> None:
    graph = amqp.graph(QUICK)
    amqp.stop_worker()
    runs = {amqp.start_run(graph, priority): priority for priority in (0, 0, 9, 0, 9)}
    amqp.start_worker(MAX_CONCURRENT_RUNS="1")
    for run in runs:
        assert amqp.ended(run)["status"] == "completed"
    order = sorted(runs, key=lambda run: str(amqp.run(run)["started_at"]))
    assert [runs[run] for run in order] == [9, 9, 0, 0, 0]


def test_a_celery_client_outside_starts_a_queued_run_by_the_names_that_are_promised(amqp: Amqp) -> None:
    graph = amqp.graph(QUICK)
    amqp.stop_worker()
    amqp.site.kill(amqp.site.upkeep)  # nobody else is to send it
    run = amqp.start_run(graph)
    lose_messages(amqp.broker.url, 1)
    client = Celery("outside", broker=amqp.broker.url)
    client.conf.task_queue_max_priority = 9  # as deploy/README.md says it
    client.send_task("process_task", kwargs={"task_id": run}, queue="agent_tasks", priority=9, ignore_result=True)
    client.close()
    amqp.site.worker = amqp.site.start_worker("worker")
    assert amqp.ended(run)["status"] == "completed"
    amqp.start_worker()


def lose_messages(url: str, count: int) -> None:
    """Takes so many out of the queue as soon as they are there."""
    with kombu.Connection(url) as connection:
        channel = connection.default_channel
        taken: list[Any] = []

        def is_empty() -> bool:
            message = channel.basic_get("agent_tasks", no_ack=True)
            taken.extend([message] if message else [])
            return len(taken) == count

        wait_until(is_empty, f"{count} messages in the queue")


def test_a_silent_broker_keeps_nobody_waiting_and_what_was_started_meanwhile_runs_when_it_speaks(amqp: Amqp) -> None:
    graph = amqp.graph(QUICK)
    amqp.broker.fall_silent()
    try:
        began = time.monotonic()
        runs = [amqp.start_run(graph) for _ in range(10)]
        assert amqp.readiness() == 503
        assert amqp.told_of_the_broker()[0] == "failed"
        assert time.monotonic() - began < AT_ONCE_S
    finally:
        amqp.broker.speak_again()
    wait_until(lambda: amqp.readiness() == 200, "readiness")
    for run in runs:
        assert amqp.ended(run)["status"] == "completed"


@pytest.mark.parametrize("forgets", [False, True], ids=["keeps its queues", "forgets everything"])
def test_a_broker_that_dies_in_mid_run_loses_nothing_and_the_site_says_that_it_is_away(
    amqp: Amqp, forgets: bool
) -> None:
    slow, quick = amqp.graph(SLOW), amqp.graph(QUICK)
    amqp.stop_worker()
    amqp.start_worker(MAX_CONCURRENT_RUNS="2")
    under_way = [amqp.start_run(slow) for _ in range(2)]
    wait_until(lambda: all(amqp.run(run)["status"] == "running" for run in under_way), "two runs under way")
    waiting = [amqp.start_run(quick) for _ in range(3)]
    amqp.broker.kill()
    assert amqp.told_of_the_broker()[0] == "failed"
    assert amqp.readiness() == 503
    meanwhile = [amqp.start_run(quick, priority=9) for _ in range(3)]
    for run in under_way:
        assert amqp.ended(run)["status"] == "completed"  # who is at work needs no broker
    if forgets:
        amqp.broker.forget()
    amqp.broker.start()
    wait_until(lambda: amqp.readiness() == 200, "readiness")
    assert amqp.told_of_the_broker()[0] == "ok"
    for run in [*waiting, *meanwhile]:
        assert amqp.ended(run)["status"] == "completed"
    for run in under_way:
        done = amqp.run(run)
        assert (done["state"]["n"], done["attempt"]) == (ROUNDS, 1), done
    assert amqp.site.worker is not None
    assert amqp.site.worker.poll() is None
