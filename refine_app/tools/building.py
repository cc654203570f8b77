"""The steps of the graph build: research only where it is needed, then plan, check, code and present."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphs_app.engine.checkpoint import Json
from graphs_app.engine.registry import ToolContext
from refine_app.agents.toolbox import CHECK_SYNTAX, WEB_SEARCH, Toolbox
from refine_app.tools.asking import Reply
from refine_app.tools.checks import Check
from refine_app.tools.errors import InvalidOutput
from refine_app.tools.proposing import hunks_of, propose
from refine_app.tools.replies import ask_again, ask_for_data, ask_prompt
from refine_app.tools.searching import NEED, in_words
from refine_app.tools.written_files import WrittenFile, main_file, read_files


@dataclass(frozen=True, slots=True)
class StepAgent:
    """Who takes a step."""

    name: str
    responsibilities: str
    tools: Sequence[str] = ()
    writes: str = ""
    """The key of the state that its answer goes to."""
    max_tokens: int = 2000


RESEARCHER = StepAgent("Researcher", "Finds out what the request needs to know from outside.", (WEB_SEARCH,))
STEPS = {
    "plan": StepAgent("Planner", "Makes numbered steps of the request and what was found.", (), "plan"),
    "check": StepAgent("Executor", "Checks the plan, and gives the architecture in notes.", (), "notes"),
    "code": StepAgent("Coder", "Writes the files that the plan describes.", (CHECK_SYNTAX,), "code_answer", 8000),
    "final": StepAgent("Finalizer", "Presents the result to the person who asked.", (), "answer", 8000),
}


async def research(context: ToolContext, state: Mapping[str, Any]) -> Json:
    """Whether outside knowledge is needed, and what is known; a search that cannot be made is said, not made up."""
    task = task_of(state)
    found = await ask_for_data(context, "build_research", {"task": task}, NEED, agent=RESEARCHER.name)
    material, citations, problem = found["known"], [], ""
    if found["needs_search"]:
        results, problem = await Toolbox(RESEARCHER.name, RESEARCHER.tools).search(found["query"] or task)
        material += f"\n\n{in_words(results) or problem}"
        citations = [{"source": one.source, "title": one.title, "url": one.url} for one in results]
    return {
        "task": task,
        "material": material,
        "needs_search": found["needs_search"],
        "citations": citations,
        "search_problem": problem or None,
    }


async def build_step(context: ToolContext, state: Mapping[str, Any]) -> Json:
    """One step by its name in the node's config."""
    step = str(context.config["step"])
    agent = STEPS[step]
    values = {
        "task": task_of(state),
        "material": str(state.get("material") or "None."),
        "plan": str(state.get("plan") or ""),
        "notes": str(state.get("notes") or ""),
        "code": str(state.get("code_answer") or ""),
    }
    reply = await ask_prompt(
        context, f"build_{step}", values, agent=agent.name, max_tokens=agent.max_tokens, on_text=context.emit_text
    )
    if step == "code":
        return await _coded(context, agent, values, reply)
    writes: Json = {agent.writes: reply.answer, "endpoint": reply.endpoint}
    if step == "final":
        writes["summary"] = reply.answer[:1000]
        writes |= await _deliver(context, state)
    return writes


async def _coded(context: ToolContext, agent: StepAgent, values: Mapping[str, Any], reply: Reply) -> Json:
    """The files of the answer; one that holds none, or files that do not parse, is sent back once."""
    files, checks, problem = await _read(agent, reply)
    if problem:
        reply = await ask_again(
            context,
            "build_code",
            values,
            agent=agent.name,
            reply=reply,
            problem=problem,
            max_tokens=agent.max_tokens,
            on_text=context.emit_text,
        )
        files, checks, problem = await _read(agent, reply)
    if not files:
        began = f"It began: {reply.text[:200]!r}"
        raise InvalidOutput(f"The answer of {reply.endpoint!r} holds no files. {problem} {began}")
    return {
        agent.writes: reply.answer,
        "files": [one.as_json() for one in files],
        "checks": checks,
        "endpoint": reply.endpoint,
    }


async def _read(agent: StepAgent, reply: Reply) -> tuple[list[WrittenFile], list[Check], str]:
    files, problem = read_files(reply.answer)
    toolbox = Toolbox(agent.name, agent.tools)
    checks = [await toolbox.check_syntax(one) for one in files]
    failed = [check["detail"] for check in checks if check["verdict"] == "failed"]
    return files, checks, problem or ("; ".join(failed) + ". Give all files again, whole." if failed else "")


async def _deliver(context: ToolContext, state: Mapping[str, Any]) -> Json:
    """Proposes the main file to the session that asked; the others stay in the run, and are named."""
    files = [WrittenFile(**one) for one in state.get("files") or ()]
    if not files or not state.get("document"):
        return {}
    main = main_file(files, str(state.get("language") or ""))
    others = [one.path for one in files if one is not main]
    summary = f"Writes {main.path}."
    if others:
        summary += f" The document holds one file, so the others are among the run's files: {', '.join(others)}."
    propose(context, state, main.text, await hunks_of(state, main.text), summary)
    return {"new_text": main.text, "summary": summary, "delivered": main.path}


def task_of(state: Mapping[str, Any]) -> str:
    return str(state.get("task") or state.get("instruction") or "")
