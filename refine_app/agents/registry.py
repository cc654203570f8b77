"""The agents by name: every module of this folder that has an AGENT."""

import importlib
import pkgutil
from functools import cache
from pathlib import Path

from refine_app.agents.agent import Agent

FOLDER = Path(__file__).parent


@cache
def agents() -> dict[str, Agent]:
    """All agents, in the order of their names."""
    names = [found.name for found in pkgutil.iter_modules([str(FOLDER)])]
    modules = [importlib.import_module(f"refine_app.agents.{name}") for name in names]
    found: list[Agent] = [module.AGENT for module in modules if hasattr(module, "AGENT")]
    return {agent.name: agent for agent in sorted(found, key=lambda agent: agent.name)}
