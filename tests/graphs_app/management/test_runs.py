"""manage.py runs: what an operator sees of runs from a shell, and what they can do to them."""

import json
from io import StringIO

from django.core.management import CommandError, call_command

from graphs_app.models import GraphVersion, Run
from tests.graphs_app import cast


def manage(*arguments: str) -> tuple[int, str]:
    """Exit code, and what was written."""
    out = StringIO()
    try:
        call_command("runs", *arguments, stdout=out)
    except CommandError as error:
        return error.returncode, out.getvalue() + str(error)
    return 0, out.getvalue()


def test_open_runs_are_listed_and_others_by_their_status(version: GraphVersion) -> None:
    held = cast.claimed(version)
    failed = Run.objects.create(graph_version=version, status="failed", error={"type": "E", "message": "no paper"})
    part = Run.objects.create(graph_version=version, parent=held, parent_key="1:")
    code, out = manage()
    assert code == 0
    assert f"{held.pk}  running  loop v1" in out
    assert "held by w1 until" in out
    assert str(failed.pk) not in out
    assert str(part.pk) not in out
    assert "E: no paper" in manage("--status", "failed")[1]
    assert [json.loads(one)["id"] for one in manage("--status", "all", "--json")[1].splitlines()] == [
        str(failed.pk),
        str(held.pk),
    ]
    assert json.loads(manage(str(part.pk), "--json")[1])["status"] == "queued"


def test_a_held_run_is_released_requeued_and_cancelled(version: GraphVersion) -> None:
    run = cast.claimed(version)
    for action, told in (
        ("--release", (0, "given back to the queue")),
        ("--release", (1, "not held by a worker")),
        ("--requeue", (0, "queued again")),
        ("--cancel", (0, "asked to cancel")),
        ("--cancel", (1, "over before")),
        ("--requeue", (1, "part of another run")),
    ):
        code, out = manage(str(run.pk), action)
        assert (code, told[1] in out) == (told[0], True), (action, out)
    run.refresh_from_db()
    assert (run.status, run.lease_owner) == ("cancelled", "")


def test_an_unknown_run_is_said_and_no_action_goes_without_names(version: GraphVersion) -> None:
    assert manage("00000000-0000-0000-0000-000000000007")[0] == 2
    assert manage("--cancel")[0] == 2
