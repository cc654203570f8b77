"""What agents may use beside their model: each has a list of tools by name, and gets no other.

None of them writes anywhere, and none runs what a model wrote.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from graphs_app.engine.errors import PermanentError
from refine_app.search.service import Found
from refine_app.tools.checks import Check
from refine_app.tools.searching import look_up
from refine_app.tools.written_files import WrittenFile, check_syntax

WEB_SEARCH = "web_search"
CHECK_SYNTAX = "check_syntax"
DESCRIPTIONS: Mapping[str, str] = {
    WEB_SEARCH: "Searches the web, and gives titles, addresses and excerpts of what it finds.",
    CHECK_SYNTAX: "Says whether a file parses, and where it does not. Runs nothing.",
}


class ToolNotAllowed(PermanentError):
    """Raised when an agent uses what is not on its list."""

    code = "tool_not_allowed"


@dataclass(frozen=True, slots=True)
class Toolbox:
    """The tools of one agent."""

    agent: str
    tools: Sequence[str] = ()

    async def search(self, query: str) -> tuple[Sequence[Found], str]:
        """What is found, and else why there is nothing."""
        self._require(WEB_SEARCH)
        return await look_up(query)

    async def check_syntax(self, one: WrittenFile) -> Check:
        """Whether a file parses."""
        self._require(CHECK_SYNTAX)
        return await check_syntax(one)

    def _require(self, tool: str) -> None:
        if tool not in self.tools:
            allowed = ", ".join(self.tools) or "none"
            raise ToolNotAllowed(f"{self.agent} may not use {tool!r}; its tools: {allowed}.")
