"""How long runs and their nodes may take here: the operator's limits, which the engine does not know.

They are asked when a run is started and when a graph is saved. A graph that was saved under higher limits still runs:
its run ends with its own time.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings

from graphs_app.engine.validate import Problem
from graphs_app.errors import RunTimeTooLong
from graphs_app.models import Run
from sessions_app.errors import FieldProblem

TOO_LONG = "time_too_long"


def check_run(timeout_s: float | None) -> None:
    """Raises RunTimeTooLong."""
    limit = settings.RUN_TIMEOUT_MAX_S
    if timeout_s is not None and not timeout_s <= limit:
        message = f"A run takes at most {limit:g} s here (RUN_TIMEOUT_MAX_S); {timeout_s:g} s were asked for."
        problem = FieldProblem(pointer="/timeout_s", code=TOO_LONG, message=message)
        raise RunTimeTooLong(f"{message} Nothing was started.", errors=[problem])


def inherited(timeout_s: float | None) -> float | None:
    """What a run that goes on from another may take of that one's time, which may be from before a lower limit."""
    return None if timeout_s is None else min(timeout_s, settings.RUN_TIMEOUT_MAX_S)


def of_run(run: Run) -> float:
    """The seconds after which a run is ended."""
    return float(min(settings.RUN_TIMEOUT_S if run.timeout_s is None else run.timeout_s, settings.RUN_TIMEOUT_MAX_S))


def problems(definition: Any) -> Iterator[Problem]:
    """The times in a definition that no run could live through."""
    nodes = definition.get("nodes") if isinstance(definition, Mapping) else None
    for index, node in enumerate(nodes if isinstance(nodes, list) else ()):
        if isinstance(node, Mapping):
            for place, setting in _limited(node):
                limit, seconds = getattr(settings, setting), _at(node, place)
                if seconds is not None and seconds > limit:
                    yield Problem(
                        f"/nodes/{index}/{place}",
                        TOO_LONG,
                        f"{place.rpartition('/')[2]} is at most {limit:g} s here ({setting}); {seconds:g} s was found",
                    )


def _limited(node: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Where a node names seconds, and the setting that limits them."""
    for place in ("timeout_s", "retry/backoff_s", "retry/backoff_max_s"):
        yield place, "RUN_TIMEOUT_MAX_S"
    if node.get("tool") == "sleep":
        yield "config/seconds", "RUN_TIMEOUT_MAX_S"
    if node.get("tool") == "ask_human":
        yield "config/timeout_s", "QUESTION_TIMEOUT_MAX_S"


def _at(node: Mapping[str, Any], place: str) -> float | None:
    found: Any = node
    for key in place.split("/"):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, int | float) and not isinstance(found, bool) else None
