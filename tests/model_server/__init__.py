"""A real server of the OpenAI chat protocol, with every fault that real ones have."""

from tests.model_server.behaviour import Behaviour, refine
from tests.model_server.server import ModelServer, Request

__all__ = ["Behaviour", "ModelServer", "Request", "refine"]
