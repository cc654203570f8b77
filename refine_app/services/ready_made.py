"""Endpoints that come with the product, one for each family and way to reach it: off until their token is there.

Prices change and differ by contract, so none is claimed here: they are not known until staff enters them.
"""

from typing import Any

from django.db import connections

from refine_app.models import Endpoint, Kind, Tier

READY_MADE: tuple[dict[str, Any], ...] = (
    {
        "slug": "hf-deepseek", "name": "DeepSeek V3 by Hugging Face", "kind": Kind.HUGGING_FACE,
        "model": "deepseek-ai/DeepSeek-V3-0324", "tier": Tier.STRONG, "context_tokens": 64_000, "secret": "HF_TOKEN",
    },
    {
        "slug": "hf-mistral", "name": "Mistral 7B by Hugging Face", "kind": Kind.HUGGING_FACE,
        "model": "mistralai/Mistral-7B-Instruct-v0.3", "tier": Tier.FAST, "context_tokens": 32_000,
        "secret": "HF_TOKEN",
    },
    {
        "slug": "deepseek", "name": "DeepSeek's own API", "url": "https://api.deepseek.com/v1",
        "model": "deepseek-chat", "tier": Tier.STRONG, "context_tokens": 64_000, "secret": "DEEPSEEK_API_KEY",
    },
    {
        "slug": "mistral", "name": "Mistral's own API", "url": "https://api.mistral.ai/v1",
        "model": "mistral-small-latest", "tier": Tier.BALANCED, "context_tokens": 32_000,
        "secret": "MISTRAL_API_KEY",
    },
    {
        "slug": "gemini", "name": "Google Gemini", "url": "https://generativelanguage.googleapis.com/v1beta/openai",
        "model": "gemini-2.0-flash", "tier": Tier.BALANCED, "context_tokens": 1_000_000, "secret": "GEMINI_API_KEY",
    },
    {
        "slug": "groq", "name": "Groq", "url": "https://api.groq.com/openai/v1", "model": "llama-3.3-70b-versatile",
        "tier": Tier.FAST, "context_tokens": 128_000, "secret": "GROQ_API_KEY",
    },
    {
        "slug": "openai", "name": "OpenAI", "url": "https://api.openai.com/v1", "model": "gpt-4o-mini",
        "tier": Tier.BALANCED, "context_tokens": 128_000, "secret": "OPENAI_API_KEY",
    },
)  # fmt: skip


def install() -> None:
    """Adds what is missing; what staff has changed stays as they left it."""
    known = set(Endpoint.objects.values_list("slug", flat=True))
    Endpoint.objects.bulk_create(
        [Endpoint(**values, built_in=True) for values in READY_MADE if values["slug"] not in known],
        ignore_conflicts=True,
    )


def install_after_migrate(*, using: str, **kwargs: Any) -> None:
    """The receiver of post_migrate, which is sent also when migrations are undone, and the table is gone."""
    if Endpoint._meta.db_table in connections[using].introspection.table_names():
        install()
