"""The desk of these tests: a real model server where a test asks for one, and no database."""

from collections.abc import Iterator

import pytest

from refine_app.model_clients import desk
from refine_app.model_clients.endpoints import EndpointSpec
from tests.model_server import ModelServer
from tests.refine_app.graphs.stage import patient_time


@pytest.fixture(autouse=True)
def _no_endpoints() -> Iterator[None]:
    before = desk.use(desk.StaticDesk(()))
    yield
    desk.use(before)


@pytest.fixture
def server(_no_endpoints: None) -> Iterator[ModelServer]:
    with ModelServer() as running:
        desk.use(desk.StaticDesk([spec_of(running)], now=patient_time))
        yield running


def spec_of(server: ModelServer, slug: str = "stand-in", **more: object) -> EndpointSpec:
    values: dict[str, object] = {
        "slug": slug, "model": "stand-in", "url": server.url, "token": "mine-CANARY", "timeout_s": 20.0,
        "idle_timeout_s": 0.5, "is_default": True, "allow_private": True, "context_tokens": 200_000,
    }  # fmt: skip
    return EndpointSpec(**(values | more))  # type: ignore[arg-type]
