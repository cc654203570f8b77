"""TestAgent: Writes tests for code that is given or described in the task."""

from refine_app.agents.agent import PromptedAgent

AGENT = PromptedAgent(
    "TestAgent",
    "Writes tests for code that is given or described in the task.",
    "agent_test",
)
