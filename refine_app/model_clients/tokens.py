"""Counting tokens: as the endpoint says where that can be true, else by our own estimate."""

from collections.abc import Sequence

from refine_app.model_clients.client import Message, TokenCount

BYTES_PER_TOKEN = 3.6
"""Of code and English in the tokenizers of today; an estimate may be off by a third."""
FURTHEST_OFF = 6
"""A reported number this many times smaller than the estimate cannot be true."""
OVERHEAD = 1000
"""Tokens that a server's own template may add."""


def estimate(text: str) -> int:
    """About how many tokens a text has."""
    return round(len(text.encode("utf-8", "replace")) / BYTES_PER_TOKEN + 0.5) if text else 0


def count_tokens(
    messages: Sequence[Message], answer: str, reported: tuple[int, int] | None, *, max_tokens: int
) -> TokenCount:
    """The reported (prompt, completion) tokens if they are plausible, else an estimate."""
    asked = "".join(message.content for message in messages)
    prompt, completion = estimate(asked), estimate(answer)
    if reported is not None:
        said_prompt, said_completion = reported
        # Thoughts that are not shown are tokens too, so many completion tokens may be true; few may not.
        most = max(max_tokens, len(answer.encode("utf-8", "replace"))) + OVERHEAD
        if (
            prompt // FURTHEST_OFF <= said_prompt <= len(asked.encode("utf-8", "replace")) + OVERHEAD
            and completion // FURTHEST_OFF <= said_completion <= most
        ):
            return TokenCount(said_prompt, said_completion, estimated=False)
    return TokenCount(prompt, completion, estimated=True)
