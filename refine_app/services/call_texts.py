"""What is kept of what was said in a model call: as much as has room, and without secrets."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.conf import settings

from graphs_app.engine.errors import clean_text
from refine_app.model_clients.client import Message
from refine_app.safety.redaction import redact

MOST = 100_000
"""So many characters of a prompt, and as many of a reply."""
SECRETS_END = ("_TOKEN", "_API_KEY")
SECRETS_BEGIN = "TOOL_SECRET_"


@dataclass(frozen=True, slots=True)
class KeptPrompt:
    """A prompt as it is kept."""

    messages: list[dict[str, str]]
    truncated: bool


def kept_prompt(messages: Sequence[Message]) -> KeptPrompt | None:
    """A prompt as it is to be kept; None where none is."""
    if not settings.KEEP_MODEL_TEXTS or not messages:
        return None
    left, kept = MOST, []
    for message in messages:
        content, _ = kept_text(message.content, left)
        kept.append({"role": message.role, "content": content})
        left -= len(content)
    return KeptPrompt(kept, sum(len(message.content) for message in messages) > MOST)


def kept_text(text: str, most: int = MOST) -> tuple[str, bool]:
    """A text as it is to be kept, and whether there was more of it."""
    # A secret that the cut would leave a half of is recognised while it is whole.
    return clean_text(redact(text[: most + 1000], _secrets()))[:most], len(text) > most


def _secrets() -> Iterator[str]:
    """The site's own, which nobody wrote into a prompt on purpose."""
    yield settings.SECRET_KEY
    yield settings.HF_TOKEN
    yield settings.MODEL_ENDPOINT_TOKEN
    for name in os.environ:
        if name.endswith(SECRETS_END) or name.startswith(SECRETS_BEGIN):
            yield os.environ.get(name, "")
