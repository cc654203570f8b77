"""Workers that die in the middle of model calls: what was paid is in the ledger to the token, and in the run's sums."""

import signal
from uuid import UUID

import pytest
from redis import Redis

from graphs_app.models import node_run_id
from graphs_app.streams import text_key
from refine_app.model_clients.tokens import estimate
from tests.faults.field import HEALTHY, Field, wait_until
from tests.model_server import Behaviour, ModelServer

pytestmark = [pytest.mark.once, pytest.mark.timeout(300)]
ANSWER = "It compares by identity, as it should, and says so in its first line.\n"
HEARD = 5 * 8
"""Characters of the answer that come before the worker is killed."""


def heard(field: Field, key: str) -> bool:
    """Whether the words so far are kept where another process finds them."""
    with Redis.from_url(field.environment["CACHE_URL"]) as redis:
        return any(ANSWER[:HEARD].encode() in (redis.get(one) or b"") for one in redis.scan_iter(f"*{key}"))


def test_the_ledger_agrees_to_the_token_with_the_server_after_workers_died_in_the_middle(field: Field) -> None:
    stalls = Behaviour(answer=ANSWER, chunk=8, stall_after=5)
    # The server's tokens are those that we estimate, so that what nobody told can be compared to the token, too.
    with ModelServer(stalls, default=Behaviour(answer=ANSWER), tokens=estimate) as model:
        models = {
            "MODEL_ENDPOINT_URL": model.url,
            "MODEL_ENDPOINT_MODEL": "stand-in",
            "MODEL_ENDPOINT_INPUT_USD": "1",
            "MODEL_ENDPOINT_OUTPUT_USD": "2",
        }
        field.start(runs=0, tool="answer_question", state={"instruction": "What does it do?", "code": "x is None"})
        field.runs = [field.other]
        victim = field.worker("victim", **models)
        wait_until(lambda: heard(field, text_key(node_run_id(UUID(field.other), 1))), "the answer's first words")
        field.send(victim, signal.SIGKILL)
        victim.wait()
        second = field.worker("second", sweeps=True, CRASH_AT="before_checkpoint:1", **models)
        assert second.wait(120) == -signal.SIGKILL, "it dies with the whole answer, before it is written down"
        field.worker("heir", sweeps=True, **models, **HEALTHY)
        field.wait_for_the_end()

        calls = field.rows("SELECT * FROM refine_app_modelcall WHERE run_id = %s ORDER BY id", field.other)
        assert [(call["outcome"], call["duplicate"]) for call in calls] == [
            ("lost", False), ("completed", True), ("completed", True),
        ]  # fmt: skip
        assert [(call["prompt_tokens"], call["completion_tokens"]) for call in calls] == model.counted
        assert calls[0]["discarded"] == HEARD
        assert {(call["reserved_usd"], call["accounted"]) for call in calls} == {(None, True)}
        [run] = field.run_rows()
        read, written = (sum(counted) for counted in zip(*model.counted, strict=True))
        assert (run["status"], run["prompt_tokens"], run["completion_tokens"]) == ("completed", read, written)
        assert run["cost_usd"] == sum(call["cost_usd"] for call in calls)


OPEN_BREAKER = """
INSERT INTO refine_app_endpointstate (slug, failures, opened_at, forced, last_error, quirks)
VALUES ('environment', 5, now() - interval '24 seconds', '', 'it was down', '{}')
ON CONFLICT (slug) DO UPDATE SET failures = 5, opened_at = excluded.opened_at, probe_until = NULL"""
"""It stays open for six seconds yet."""


def test_runs_of_two_workers_that_wait_for_a_breaker_all_go_on_after_its_one_probe(field: Field) -> None:
    with ModelServer(default=Behaviour(answer=ANSWER)) as model:
        models = {"MODEL_ENDPOINT_URL": model.url, "MODEL_ENDPOINT_MODEL": "stand-in"}
        workers = [field.worker("one", **models, **HEALTHY), field.worker("two", sweeps=True, **models, **HEALTHY)]
        field.execute(OPEN_BREAKER)
        asked = []
        for number in range(4):
            state = {"instruction": f"What does line {number} do?", "code": "x is None"}
            field.start(runs=0, tool="answer_question", state=state)
            asked.append(field.other)
        field.runs = asked
        field.wait_for_the_end(within_s=60)
        assert [(run["status"], run["error"]) for run in field.run_rows()] == [("completed", None)] * 4
        attempts = field.rows("SELECT attempt FROM graphs_app_noderun WHERE run_id = ANY(%s::uuid[])", asked)
        assert [row["attempt"] for row in attempts] == [1] * 4
        assert [worker.poll() for worker in workers] == [None, None]
