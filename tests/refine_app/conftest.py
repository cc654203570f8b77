"""What the tests of refinement share: nothing leaves this machine."""

from collections.abc import Iterator

import pytest

from tests.network_guard import network_guarded


@pytest.fixture(autouse=True)
def _no_network() -> Iterator[None]:
    with network_guarded():
        yield
