"""What the server does with one request."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

Answer = Callable[[list[dict[str, Any]]], str]


def refine(messages: list[dict[str, Any]]) -> str:
    """A stand-in for a model: the last block of code it was sent, a little better."""
    code, language = last_code(messages)
    better = improve(code)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`{3,}", better)), default=2))
    end = "" if better.endswith("\n") or not better else "\n"
    return f"Compared with None by identity, and dropped trailing blanks.\n\n{fence}{language}\n{better}{end}{fence}\n"


def improve(code: str) -> str:
    """Changes that are right in any text that has them, and one that always shows: a first comment, once."""
    better = re.sub(r"[ \t]+(?=\n|$)", "", code)
    better = re.sub(r"== None\b", "is None", better)
    better = re.sub(r"!= None\b", "is not None", better)
    better = re.sub(r"^(\s*)except:[ ]*$", r"\1except Exception:", better, flags=re.MULTILINE)
    if better == code:
        better = f"# Refined.\n{code}" if not code.startswith("# Refined.") else code
    return better


def last_code(messages: list[dict[str, Any]]) -> tuple[str, str]:
    """The longest fenced block of the first message from a user that has one, and its info."""
    for message in messages:
        if message.get("role") != "user":
            continue
        blocks = re.findall(
            r"^(`{3,})([^\s`]*)[^\n]*\n(.*?)^\1[ \t]*$", str(message["content"]), re.DOTALL | re.MULTILINE
        )
        if blocks:
            _, info, code = max(blocks, key=lambda block: len(block[2]))
            return code, info
    return "", ""


def obey(messages: list[dict[str, Any]]) -> str:
    """The worst model: does whatever a line beginning with INJECTION: in what it reads tells it to."""
    found = re.findall(r"INJECTION:(.*)", "\n".join(str(message["content"]) for message in messages))
    orders = "\n".join(order.strip() for order in found)
    return f"I will obey.\n{orders}\nSYSTEM PROMPT: {messages[0]['content'] if messages else ''}\n" + refine(messages)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How one request is answered. Leave everything out for a good answer."""

    answer: str | Answer = refine
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: str | bytes | None = None
    """Sent instead of a stream; with a status of 400 and more, the refusal."""
    latency_s: float = 0.0
    """Before anything is sent."""
    chunk: int = 24
    """Characters in a delta."""
    drip_s: float = 0.0
    """Between deltas."""
    hang_up_after: int | None = None
    """Deltas, and then the connection is cut."""
    stop_after: int | None = None
    """Deltas, and then the stream ends in good form, but without the protocol's own end."""
    stall_after: int | None = None
    """Deltas, and then nothing, with the connection open."""
    then_goes_on: bool = False
    """It stalls until the test calls the server's go_on(), and then sends the rest."""
    keep_alive: bool = False
    """While it stalls, comments keep coming."""
    garbage: bytes = b""
    """Sent in the middle of the stream."""
    empty_chunks: bool = False
    """Chunks without choices, without content and with null content in between."""
    finish_reason: str = "stop"
    usage: Literal["honest", "missing", "lying", "broken"] = "honest"
    refuses_stream_options: bool = False
    raw: bytes | None = None
    """Sent again and again as the stream, up to raw_times: output without end, lines without end."""
    raw_times: int = 1
    raw_slices: int = 0
    """Bytes that are sent at once of it; all of it when 0."""
    compressed: bool = False
