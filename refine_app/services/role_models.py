"""The models that settings choose by role (LLM_PEER_MODEL and the like), as endpoints that only those agents use."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from django.conf import settings

from refine_app.model_clients.endpoints import EndpointSpec

logger = logging.getLogger(__name__)

SERVERS = ("environment", "openai", "groq", "huggingface")
"""By name: whom a model is asked of that no endpoint has, the first of these that can be called."""


def for_roles(specs: Sequence[EndpointSpec]) -> list[EndpointSpec]:
    """One for each role that has a model: an endpoint by that name or with that model, else that model of a server."""
    wished = {"peer": settings.LLM_PEER_MODEL, "content": settings.LLM_CONTENT_MODEL, "code": settings.LLM_CODE_MODEL}
    return [found for role, model in wished.items() if model and (found := _for_role(specs, role, model))]


def _for_role(specs: Sequence[EndpointSpec], role: str, model: str) -> EndpointSpec | None:
    for spec in specs:
        if model in (spec.slug, spec.model):
            return replace(spec, role=role)
    by_name = {spec.slug: spec for spec in specs}
    server = next((by_name[name] for name in SERVERS if name in by_name), None)
    if server is None:
        _tell_of(role, model)
        return None
    return replace(server, model=model, role=role, input_usd=None, output_usd=None)


@lru_cache(maxsize=16)
def _tell_of(role: str, model: str) -> None:
    """Once in a process."""
    logger.warning(
        "LLM_%s_MODEL=%s: no endpoint has it, and none of %s can be called; other endpoints are asked",
        role.upper(), model, ", ".join(SERVERS),
    )  # fmt: skip
