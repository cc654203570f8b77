"""ContentAgent: writes and improves long texts, on what the web says where a search is configured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphs_app.engine.registry import ToolContext
from refine_app.agents.agent import MAX_TOKENS, AgentOutput, Citation, code_language_of
from refine_app.agents.toolbox import WEB_SEARCH, Toolbox
from refine_app.tools.replies import ask_for_data, ask_prompt
from refine_app.tools.searching import NEED, in_words


@dataclass(frozen=True, slots=True)
class ContentAgent:
    """Asks whether knowledge from outside is needed, searches for it, and cites what it was given."""

    name: str = "ContentAgent"
    responsibilities: str = (
        "Writes and improves long texts: articles, summaries, documentation, letters, explanations of what is no code."
    )
    tools: Sequence[str] = (WEB_SEARCH,)

    async def run(self, context: ToolContext, task: str, state: Mapping[str, Any]) -> AgentOutput:
        need = await ask_for_data(context, "build_research", {"task": task}, NEED, agent=self.name)
        tools = Toolbox(self.name, self.tools)
        results, problem = await tools.search(need["query"] or task) if need["needs_search"] else ((), "")
        values = {
            "task": task,
            "history": str(state.get("history_text") or "Nothing was asked before."),
            "sources": in_words(results) or problem or "None.",
        }
        reply = await ask_prompt(
            context, "agent_content", values, agent=self.name, max_tokens=MAX_TOKENS, on_text=context.emit_text
        )
        citations = [Citation(one.source, one.title, one.url) for one in results]
        return AgentOutput(self.name, reply.answer, code_language_of(reply.answer), citations)


AGENT = ContentAgent()
