"""CodeAgent: Writes new code and explains code, in any language."""

from refine_app.agents.agent import PromptedAgent

AGENT = PromptedAgent(
    "CodeAgent",
    "Writes new code and explains code, in any language. Never runs it.",
    "agent_code",
)
