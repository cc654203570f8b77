"""A field of faults: leases short enough to wait for."""

from collections.abc import Iterator

import pytest

from tests.faults.field import Field
from tests.servers.site import build, tear_down


@pytest.fixture
def field() -> Iterator[Field]:
    site = build(scaled=True, environment={"RUN_LEASE_S": "2", "RUN_DRAIN_S": "5", "RUN_MAX_ATTEMPTS": "10"})
    try:
        yield Field(site)
    finally:
        tear_down(site)
