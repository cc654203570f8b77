"""The ledger of model calls, held against a server that counts what it charges: tokens, prices, sums and budgets."""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from agentsite.verification.groundwork import Checks, in_a_line, is_killed_at, someone, work
from agentsite.verification.paid_model import PaidModel, paid_model
from graphs_app.models import AtBudget, Graph, NodeRun, Run, RunStatus
from graphs_app.services import graphs, runs
from refine_app.models import Endpoint, ModelCall
from refine_app.services.sums import Filter, sums_of
from sessions_app.models import User
from sessions_app.services import sessions

INPUT_USD, OUTPUT_USD = Decimal(2), Decimal(10)
"""For a million tokens."""
NODES = ("first", "second")
LONG_ANSWER = "word " * 1500
BUDGET_USD = Decimal("0.03")
"""One long answer costs half of it, and two of them are more than may be reserved."""
Paid = tuple[int, int, Decimal]
"""Tokens read and written, and dollars."""


def checks() -> Checks:
    with paid_model() as model:
        Endpoint.objects.create(
            slug="paid", model="paid", url=model.url, input_usd=INPUT_USD, output_usd=OUTPUT_USD, idle_timeout_s=10.0
        )
        owner = someone()
        graph = graphs.create_graph(user=owner, definition=_asking_twice())
        yield from _counted(model, owner, graph)
        yield from _broken_off(model, owner, graph)
        yield from _sums(owner)
        yield from _killed(model)
        yield from _budget(model, owner, graph)


def victim() -> None:
    """In the process that dies when the second answer is there and not yet in the run's journal."""
    user = someone("victim")
    graph = graphs.create_graph(user=user, definition=_asking_twice())
    work(runs.start_run(user=user, graph=graph.slug, initial_state={"instruction": "Is it good?"}))


def _asking_twice() -> dict[str, Any]:
    retry = {"max_attempts": 2, "backoff_s": 0.01}
    return in_a_line([{"node_id": name, "tool": "answer_question", "retry": retry} for name in NODES])


def _counted(model: PaidModel, user: User, graph: Graph) -> Checks:
    session = sessions.create(user=user, title="Verified")
    run = _asked(user, graph, session_id=session.pk)
    calls = list(ModelCall.objects.filter(run=run).order_by("pk"))
    counted = [(call.prompt_tokens, call.completion_tokens) for call in calls]
    yield (
        f"{len(counted)} calls have {sum(map(sum, counted))} tokens in the ledger, as the server counted them",
        run.status == RunStatus.COMPLETED
        and counted == model.charged
        and not any(call.tokens_estimated for call in calls),
    )
    costs = [_price(*tokens) for tokens in counted]
    yield (
        f"each costs its tokens at the endpoint's prices: {_dollars(sum(costs))} together",
        len(costs) == len(NODES) and [call.cost_usd for call in calls] == costs,
    )


def _broken_off(model: PaidModel, user: User, graph: Graph) -> Checks:
    model.breaks_off_after = 2
    run = _asked(user, graph)
    broken, *whole = ModelCall.objects.filter(run=run).order_by("pk")
    yield (
        f"an answer that broke off is paid as far as it was heard, about {broken.completion_tokens} tokens, "
        "and asked for again",
        broken.outcome == "stream_broken"
        and broken.completion_tokens > 0
        and broken.cost_usd == _price(broken.prompt_tokens, broken.completion_tokens)
        and [call.outcome for call in whole] == ["completed"] * len(NODES),
    )


def _sums(owner: User) -> Checks:
    """Beside another person's run."""
    other = someone("another")
    _asked(other, graphs.create_graph(user=other, definition=_asking_twice()))
    for by, column in (("node", "node_id"), ("run", "root_run"), ("session", "session_id"), ("user", "user_id")):
        expected = _added_up((getattr(call, column), call) for call in ModelCall.objects.filter(user=owner))
        told = {
            str(row["key"]): (row["prompt_tokens"], row["completion_tokens"], Decimal(row["cost_usd"]))
            for row in sums_of(user=owner, by=by, only=Filter())
        }
        yield f"the sums by {by} are those of the ledger's rows, and of nobody else's", told == expected
    yield (
        "each run's and each node's own sums are those of their calls",
        all(_run_agrees(run) for run in Run.objects.all()),
    )


def _killed(model: PaidModel) -> Checks:
    before = len(model.charged)
    died = is_killed_at("before_checkpoint:2", "cost")
    run = Run.objects.get(user__username="victim")
    paid = ModelCall.objects.filter(run=run, outcome="completed").count()
    yield (
        f"a process died of SIGKILL with {paid} answers paid, one of which its run did not have yet",
        died and paid == 2,
    )
    runs.release_run(run=run)
    work(run)
    calls = list(ModelCall.objects.filter(run=run).order_by("pk"))
    charged = model.charged[before:]
    yield (
        "another process went on, and asked again only what was lost",
        run.status == RunStatus.COMPLETED and [call.duplicate for call in calls] == [False, False, True],
    )
    yield (
        "every answer that the server charged for is counted once, in the ledger and in the run",
        [(call.prompt_tokens, call.completion_tokens) for call in calls] == charged
        and all(call.accounted for call in calls)
        and _run_agrees(run),
    )


def _budget(model: PaidModel, user: User, graph: Graph) -> Checks:
    model.answer, asked = LONG_ANSWER, model.asked
    run = _asked(user, graph, budget_usd=BUDGET_USD, at_budget=AtBudget.STOP)
    code = (run.error or {}).get("code")
    yield (
        f"a budget of {_dollars(BUDGET_USD)} ended a run at {_dollars(run.cost_usd)}, before a call that could pass it",
        (code, model.asked - asked) == ("budget_exhausted", 1)
        and run.cost_usd is not None
        and run.cost_usd <= BUDGET_USD,
    )
    yield (
        "what that run had by then is kept, and nothing is reserved any more",
        str((run.state or {}).get("answer", "")).split() == LONG_ANSWER.split()
        and not ModelCall.objects.filter(reserved_usd__isnull=False).exists(),
    )


def _asked(user: User, graph: Graph, **given: Any) -> Run:
    run = runs.start_run(user=user, graph=graph.slug, initial_state={"instruction": "Is it good?"}, **given)
    work(run)
    return run


def _run_agrees(run: Run) -> bool:
    """What a run and its node runs have counted is what the ledger has of them."""
    calls = list(ModelCall.objects.filter(run=run))
    of_nodes = _added_up((call.node_run, call) for call in calls)
    nodes = NodeRun.objects.filter(run=run, pk__in=[call.node_run for call in calls])
    return _added_up((None, call) for call in calls) == {"None": _paid(run)} and of_nodes == {
        str(one.pk): _paid(one) for one in nodes
    }


def _added_up(calls: Iterable[tuple[Any, ModelCall]]) -> dict[str, Paid]:
    found: dict[str, Paid] = defaultdict(lambda: (0, 0, Decimal(0)))
    for key, call in calls:
        prompt, completion, cost = found[str(key)]
        found[str(key)] = (
            prompt + call.prompt_tokens,
            completion + call.completion_tokens,
            cost + (call.cost_usd or 0),
        )
    return dict(found)


def _paid(row: Run | NodeRun) -> Paid:
    return row.prompt_tokens, row.completion_tokens, row.cost_usd or Decimal(0)


def _price(prompt_tokens: int, completion_tokens: int) -> Decimal:
    return (prompt_tokens * INPUT_USD + completion_tokens * OUTPUT_USD) / 1_000_000


def _dollars(amount: Decimal | int | None) -> str:
    return f"${Decimal(amount or 0).normalize():f}"
