"""What an agent is: a name, what it is responsible for, and how it answers a task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from graphs_app.engine.registry import ToolContext
from refine_app.diffs.fences import read_fences
from refine_app.tools.replies import ask_prompt

MAX_TOKENS = 4000


@dataclass(frozen=True, slots=True)
class Citation:
    """Where something is from."""

    source: str
    title: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class AgentOutput:
    """What an agent answers."""

    agent_name: str
    content: str
    code_language: str | None = None
    citations: Sequence[Citation] = field(default_factory=tuple)

    @property
    def summary(self) -> str:
        """The first words."""
        first = next((line.strip("# ").strip() for line in self.content.splitlines() if line.strip()), "")
        return first[:300]

    def as_json(self) -> dict[str, Any]:
        return {
            "agent_name": self.agent_name,
            "summary": self.summary,
            "raw_output": self.content,
            "code_language": self.code_language,
            "citations": [{"source": c.source, "title": c.title, "url": c.url} for c in self.citations],
        }


class Described(Protocol):
    """What people and the router are told of an agent."""

    @property
    def name(self) -> str: ...
    @property
    def responsibilities(self) -> str: ...
    @property
    def tools(self) -> Sequence[str]:
        """All that it may use beside its model, by the names of agents.toolbox."""


class Agent(Described, Protocol):
    """Answers tasks of one kind. It runs nothing and changes nothing."""

    async def run(self, context: ToolContext, task: str, state: Mapping[str, Any]) -> AgentOutput: ...


@dataclass(frozen=True, slots=True)
class PromptedAgent:
    """An agent that is a prompt of the registry."""

    name: str
    responsibilities: str
    prompt: str
    tools: Sequence[str] = ()

    async def run(self, context: ToolContext, task: str, state: Mapping[str, Any]) -> AgentOutput:
        values = {"task": task, "history": str(state.get("history_text") or "Nothing was asked before.")}
        reply = await ask_prompt(
            context, self.prompt, values, agent=self.name, max_tokens=MAX_TOKENS, on_text=context.emit_text
        )
        return AgentOutput(self.name, reply.answer, code_language=code_language_of(reply.answer))


def code_language_of(text: str) -> str | None:
    """The language of the longest fenced block; None when there is none."""
    fences = [fence for fence in read_fences(text) if fence.info]
    longest = max(fences, key=lambda fence: len(fence.code), default=None)
    return longest.info.split()[0].lower()[:40] if longest is not None else None
