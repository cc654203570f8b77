"""Which model client to use: a configured endpoint first, then Hugging Face, else the built-in rules."""

from dataclasses import dataclass

from django.conf import settings

from refine_app.model_clients.builtin import BuiltinClient
from refine_app.model_clients.client import ModelClient
from refine_app.model_clients.huggingface import HuggingFaceClient


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """What is configured about models."""

    hf_token: str = ""
    hf_model: str = ""
    endpoint_url: str = ""
    endpoint_model: str = ""
    endpoint_token: str = ""
    timeout_s: float = 120.0
    idle_timeout_s: float = 30.0


def choose_client(models: ModelSettings) -> ModelClient:
    """The client of the first endpoint that is configured."""
    if models.endpoint_url:
        return HuggingFaceClient(
            model=models.endpoint_model,
            url=models.endpoint_url,
            token=models.endpoint_token,
            timeout_s=models.timeout_s,
            idle_timeout_s=models.idle_timeout_s,
        )
    if models.hf_token:
        return HuggingFaceClient(
            model=models.hf_model,
            token=models.hf_token,
            timeout_s=models.timeout_s,
            idle_timeout_s=models.idle_timeout_s,
        )
    return BuiltinClient()


def configured_client() -> ModelClient:
    """The client that the settings ask for, read when called."""
    return choose_client(
        ModelSettings(
            hf_token=settings.HF_TOKEN,
            hf_model=settings.HF_MODEL,
            endpoint_url=settings.MODEL_ENDPOINT_URL,
            endpoint_model=settings.MODEL_ENDPOINT_MODEL,
            endpoint_token=settings.MODEL_ENDPOINT_TOKEN,
            timeout_s=settings.MODEL_TIMEOUT_S,
            idle_timeout_s=settings.MODEL_IDLE_TIMEOUT_S,
        )
    )
