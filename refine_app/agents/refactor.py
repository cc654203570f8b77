"""RefactorAgent: Restructures code that is given in the task without changing what it does."""

from refine_app.agents.agent import PromptedAgent

AGENT = PromptedAgent(
    "RefactorAgent",
    "Restructures code that is given in the task without changing what it does.",
    "agent_refactor",
)
