"""ContentAgent: writes and improves long texts."""

from refine_app.agents.agent import PromptedAgent

AGENT = PromptedAgent(
    "ContentAgent",
    "Writes and improves long texts: articles, summaries, documentation, letters, explanations of what is no code.",
    "agent_content",
)
