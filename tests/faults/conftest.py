"""A field of faults: leases short enough to wait for. The tests of a module share its site and its starter.

They are told apart by their sessions and runs, and each finds the broker empty and no worker alive.
"""

from collections.abc import Iterator

import pytest

from tests.faults.field import Field
from tests.faults.starter import Starter
from tests.servers.site import Site, build, tear_down


@pytest.fixture(scope="module")
def shared_site() -> Iterator[Site]:
    site = build(scaled=True, environment={"RUN_LEASE_S": "2", "RUN_DRAIN_S": "5", "RUN_MAX_ATTEMPTS": "10"})
    try:
        yield site
    finally:
        tear_down(site)


@pytest.fixture(scope="module")
def shared_starter(shared_site: Site) -> Iterator[Starter]:
    starter = Starter(shared_site)
    try:
        yield starter
    finally:
        starter.stop()


@pytest.fixture
def field(shared_site: Site, shared_starter: Starter) -> Iterator[Field]:
    field = Field(shared_site, shared_starter)
    try:
        yield field
    finally:
        field.clear()
