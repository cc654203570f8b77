"""The built-in graphs with one model endpoint: a real server of this process, and no other."""

from collections.abc import Iterator
from contextlib import contextmanager

from pytest_django import Settings

from graphs_app import worker
from refine_app.models import Endpoint
from refine_app.services.built_in_graphs import install_built_in_graphs
from tests.model_server import ModelServer


@contextmanager
def one_endpoint(settings: Settings) -> Iterator[ModelServer]:
    """For a fixture: the server, until the test is over; then this process's worker is stopped."""
    settings.PRIVATE_ENDPOINTS_ALLOWED = True
    settings.MODEL_ENDPOINT_URL = settings.HF_TOKEN = ""
    install_built_in_graphs()
    Endpoint.objects.all().delete()
    with ModelServer() as server:
        Endpoint.objects.create(slug="mine", model="stand-in", url=server.url, input_usd=1, output_usd=1)
        yield server
    worker.stop(grace_s=0)
