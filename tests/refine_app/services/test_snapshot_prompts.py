"""A version's snapshot holds the prompts that its tools ask with, as they were when it was published."""

import pytest

from graphs_app.models import Graph
from graphs_app.services import graphs
from refine_app.prompts.rendering import built_in_names
from refine_app.services import prompts, snapshot_prompts
from refine_app.tools.building import STEPS
from sessions_app.models import User


def test_every_prompt_of_the_product_belongs_to_a_tool() -> None:
    steps = {f"build_{step}" for step in STEPS}
    assert {name for names in snapshot_prompts.PROMPTS_OF.values() for name in names} | steps == set(built_in_names())


@pytest.mark.django_db
def test_a_snapshot_keeps_the_text_that_was_in_production() -> None:
    staff = User.objects.create(username="staff", is_staff=True)
    definition = {
        "v": 1,
        "name": "Plan",
        "entry_node": "plan",
        "nodes": [
            {"node_id": "plan", "tool": "build_step", "config": {"step": "plan"}},
            {"node_id": "ask", "tool": "answer_question"},
        ],
        "edges": [{"from_node": "plan", "to_node": "ask"}],
    }
    graph = graphs.create_graph(user=staff, definition=definition)
    kept = graph.graph_versions.get().snapshot["prompts"]
    assert set(kept) == {"answer_question", "build_plan"}
    assert kept["answer_question"]["version"] == prompts.in_production(["answer_question"])["answer_question"].version
    assert kept["answer_question"]["content"]


@pytest.mark.django_db
def test_graphs_without_models_have_no_prompts_and_built_in_ones_have_theirs() -> None:
    refine = Graph.objects.get(slug="refine_code")
    assert "refine_system" in refine.graph_versions.order_by("number").last().snapshot["prompts"]
    nothing = {"nodes": [{"node_id": "a", "tool": "compute", "config": {"set": {}}}]}
    assert snapshot_prompts.prompts_of(nothing) == {}
