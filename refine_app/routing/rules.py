"""Choosing an intent by plain rules: words that ask for a look, and words that ask for a change.

Where the words leave it open, the rules say so, and a model may be asked instead.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

IntentName = Literal["refine_code", "code_review", "refine_prompt", "build", "ask", "redesign_graph"]

MEANINGS: Mapping[IntentName, str] = {
    "refine_code": "change the document as asked: fix, refactor, speed up, document, extend; the person reviews a diff",
    "code_review": "look at the code and report what is wrong or complex, without changing anything",
    "refine_prompt": "the document is a prompt for a language model, and is to be made better",
    "ask": "answer a question about the document or its subject, without changing anything",
    "build": "make something new out of a description: plan it, and write its files",
    "redesign_graph": "change how the graph (the workflow of agents) is built, so that it is faster, cheaper or safer",
}
"""What can be chosen, in words for a model."""
WITHOUT_TEXT: tuple[IntentName, ...] = ("build", "ask", "redesign_graph")
"""What needs no document."""
ANSWERS: tuple[IntentName, ...] = ("ask", "code_review")
"""What ends in words, which "make it shorter" may mean afterwards."""

_CHANGE = re.compile(
    r"\b(refine|refactor|fix|add|change|rewrite|rename|remove|replace|simplif\w+|optimi[sz]e|clean|format|convert|make|"
    r"improve|implement|update|modern\w+|extract|split|translate|write|apply|use|speed up|type|document|sort)\b",
    re.IGNORECASE,
)
_LOOK = re.compile(
    r"\b(review|audit|analy[sz]e|analysis|assess|evaluate|critique|inspect|report|smells?|complexity|"
    r"what('s| is| are)? (wrong|bad|the (issues|problems|bugs))|find (issues|problems|bugs|smells)|"
    r"suggest(ions?)?|how (good|complex|bad)|list (the )?(issues|problems|functions))\b",
    re.IGNORECASE,
)
_LOOK_ONLY = re.compile(
    r"\b(do ?n[o']t|without|no) (chang(e|es|ing)|edit(s|ing)?|modify\w*|touch\w*)\b"
    r"|\b(only|just) (review|report|look|analy[sz]e|list|tell)\b",
    re.IGNORECASE,
)

_PROSE = ("text", "markdown", "md", "plain", "plaintext")
_PROMPT = re.compile(r"\b(system )?prompts?\b", re.IGNORECASE)
_BUILD = re.compile(
    r"\b(build|create|write|make|generate) (me |us )?(an?|the) (\w+ ){0,4}?(app|application|website|site|service|api|"
    r"bot|library|package|game|cli|tool|program) (that|which|for|to|with)\b|\bfrom scratch\b",
    re.IGNORECASE,
)
_GRAPH = (
    r"(?:\w+ ){0,4}?(?:graph|workflow|pipeline of agents)\b"
    r"(?= *(?:$|[.,;:!?\n]|(?:so|to|for|and|that|which|with|by)\b))"
)
_REDESIGN = re.compile(
    r"\b(?:re-?design|re-?structure|re-?arrange|re-?organi[sz]e|re-?wire|parallelis\w+|paralleliz\w+) " + _GRAPH,
    re.IGNORECASE,
)
_CHANGE_GRAPH = re.compile(
    r"\b(?:make|optimi[sz]e|speed up|simplify|improve|tidy|shorten|change|rework) (?:up )?" + _GRAPH, re.IGNORECASE
)
"""Such words are as well about a graph in the code, unless there is one to redesign."""
_REFERS = re.compile(
    r"^\W*(?:please |now |and )*(?:(?:make|say|write|put|give|explain|answer|tell me) (?:it|that|this)\b.{0,40}?)?"
    r"(?:\b(?:much |a bit |a little )?(?:shorter|longer|briefer|simpler|clearer|more detailed|again|once more|"
    r"in more detail|in fewer words|in one sentence|as a list|in (?:english|german|french|spanish)))(?: please)?\W*$",
    re.IGNORECASE,
)
"""Words that say nothing without what was said before."""
_QUESTION = re.compile(
    r"^\s*(why|how (does|do|is|are|come)|where|when|who|which|explain|what (does|do|happens)|is (it|this|there)|"
    r"does (it|this)|can (it|this))\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Route:
    """The intent that was chosen, and why, in words for the person who asked."""

    intent: IntentName
    reason: str
    is_clear: bool = True
    """Whether the words say so, and not only the rule for what is left."""


def choose_intent(
    instruction: str, language: str = "", *, is_empty: bool = False, has_graph: bool = False, follows: str = ""
) -> Route:
    """refine_code unless the words ask for a look only: a change can be rejected, a missing one must be asked again.

    has_graph says that a graph is named, or drawn in the session; follows is the intent of what was asked before.
    """
    if follows in ANSWERS and _REFERS.search(instruction):
        return Route("refine_code", "it may mean the document, or the answer before", is_clear=False)
    if redesign := _REDESIGN.search(instruction) or (has_graph and _CHANGE_GRAPH.search(instruction)):
        return Route("redesign_graph", f"{redesign[0].strip()!r} asks for another graph")
    if (prompt := _PROMPT.search(instruction)) and language in _PROSE:
        return Route("refine_prompt", f"{prompt[0]!r} is asked about, and the document is no code")
    if is_empty and (build := _BUILD.search(instruction)):
        return Route("build", f"{build[0]!r} asks for something new, and the document is empty")
    if question := _QUESTION.search(instruction):
        return Route("ask", f"{question[0].strip()!r} asks a question")
    only = _LOOK_ONLY.search(instruction)
    if only is not None:
        return Route("code_review", f"{only[0]!r} asks to look and not to change anything")
    look, change = _LOOK.search(instruction), _CHANGE.search(instruction)
    is_clear = look is None or change is None
    if look is not None and (change is None or look.start() < change.start()):
        return Route("code_review", f"{look[0]!r} asks for a review", is_clear)
    if change is not None:
        return Route("refine_code", f"{change[0]!r} asks for a change", is_clear)
    taken = "nothing in the instruction asks for a review, so it is taken as a change to make"
    return Route("refine_code", taken, is_clear=False)
