"""What servers send where the protocol has a chunk with a delta, as such a chunk: whole answers, text completions,
Ollama's own objects; and the errors that come as a success."""

from collections.abc import Mapping
from typing import Any

WORDS = ("message", "detail", "error_msg", "error_message", "errors")
"""Fields that hold the words of an object that is itself an error."""


def reported_in(content: Mapping[str, Any]) -> Any:
    """The error that an object tells; None when it tells none."""
    if content.get("error"):
        error, kind = content["error"], content.get("error_type")
        return {"message": error, "type": kind} if isinstance(error, str) and kind else error
    if content.get("choices"):
        return None
    base = content.get("base_resp")
    if isinstance(base, Mapping) and base.get("status_code"):
        return base
    if content.get("object") == "error" or content.get("type") == "error":
        return content
    if "usage" in content or "done" in content or not any(isinstance(content.get(name), str | list) for name in WORDS):
        return None
    return content


def is_whole(content: Mapping[str, Any]) -> bool:
    """Whether an object is a whole answer, which needs no other end."""
    choices = content.get("choices")
    return isinstance(choices, list) and any(isinstance(one, Mapping) and one.get("message") for one in choices)


def as_chunk(content: dict[str, Any]) -> dict[str, Any]:
    """The object with deltas in its choices."""
    if isinstance(content.get("done"), bool) and "choices" not in content:
        return _of_ollama(content)
    for choice in content.get("choices") or ():
        if not isinstance(choice, dict):
            continue
        delta = choice.get("delta")
        if isinstance(delta, str):
            choice["delta"] = {"content": delta}
        elif delta is None and choice.get("message") is not None:
            choice["delta"] = choice["message"]
        elif delta is None and isinstance(choice.get("text"), str):
            choice["delta"] = {"content": choice["text"]}
    return content


def _of_ollama(content: dict[str, Any]) -> dict[str, Any]:
    message = content.get("message")
    message = message if isinstance(message, Mapping) else {"content": content.get("response")}
    delta = {"content": message.get("content"), "reasoning": message.get("thinking")}
    if message.get("tool_calls"):
        delta["tool_calls"] = message["tool_calls"]
    reason = (content.get("done_reason") or "stop") if content["done"] else None
    chunk: dict[str, Any] = {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
    if content["done"]:
        chunk["usage"] = {
            "prompt_tokens": content.get("prompt_eval_count"),
            "completion_tokens": content.get("eval_count"),
        }
    return chunk
