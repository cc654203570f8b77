"""A journal's writer on the test's own event loop, and people and graphs to write about."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from asgiref.sync import sync_to_async
from django.db import connections

from graphs_app import worker
from graphs_app.journal import Writer
from graphs_app.models import GraphVersion
from sessions_app.models import User
from tests.graphs_app import cast


@pytest.fixture
async def writer(transactional_db: None) -> AsyncIterator[Writer]:
    """A writer thread with a connection of its own."""
    made = Writer(asyncio.get_running_loop())
    yield made
    await made.close()
    await sync_to_async(connections.close_all)()


@pytest.fixture
def ada(transactional_db: None) -> User:
    return cast.make_ada()


@pytest.fixture
def version(transactional_db: None) -> GraphVersion:
    return cast.make_version()


@pytest.fixture
def here(transactional_db: None) -> Iterator[worker.Worker]:
    """This process's worker, drained when the test is over."""
    yield worker.current()
    worker.stop(grace_s=5)
