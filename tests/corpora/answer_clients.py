"""The model clients that the corpus of answers is played to, and what they hear of one, in the words of a case."""

from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Any, cast

import httpx2

from refine_app.model_clients.client import Message, ModelClient
from refine_app.model_clients.errors import ModelError
from refine_app.model_clients.huggingface import HuggingFaceClient
from refine_app.model_clients.quirks import NO_QUIRKS, Quirks

MAX_TOKENS = 500


Transport = Callable[[], httpx2.AsyncBaseTransport]


def hugging_face(url: str, quirks: Quirks = NO_QUIRKS, transport: Transport | None = None) -> ModelClient:
    return HuggingFaceClient(
        model="stand-in",
        url=url,
        timeout_s=20,
        idle_timeout_s=5,
        allow_private=True,
        quirks=quirks,
        transport=transport,
    )


CLIENTS: dict[str, Callable[..., ModelClient]] = {"huggingface": hugging_face}


async def heard(client: ModelClient, messages: Sequence[Message]) -> dict[str, Any]:
    """What a call comes to, in the words of a case."""
    text = thought = ""
    finish_reason = tokens = None
    try:
        stream = client.stream(messages, max_tokens=MAX_TOKENS, temperature=0.2)
        async with aclosing(cast(Any, stream)) as deltas:
            async for delta in deltas:
                text += delta.text
                thought += delta.thought
                finish_reason = delta.finish_reason or finish_reason
                tokens = delta.tokens or tokens
    except ModelError as error:
        return {
            "error": error.code,
            "retryable": error.retryable,
            "retry_after_s": error.retry_after_s,
            "says": str(error),
        }
    counted = None if tokens is None or tokens.estimated else [tokens.prompt, tokens.completion]
    return {"text": text, "thought": thought, "finish_reason": finish_reason, "tokens": counted}
