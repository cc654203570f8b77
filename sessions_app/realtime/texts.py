"""Where the text of a node run comes from: an upper app registers it, because nothing here knows of node runs."""

from collections.abc import Callable
from uuid import UUID

from sessions_app.realtime.protocol import TextSoFar

Provider = Callable[[UUID, UUID], TextSoFar | None]
"""(session id, node run id) -> its text so far; None unless the node run belongs to that session."""

_providers: list[Provider] = []


def register(provider: Provider) -> None:
    """Registers where texts come from; the first that knows one answers."""
    if provider not in _providers:
        _providers.append(provider)


def so_far(session_id: UUID, node_run_id: UUID) -> TextSoFar | None:
    """The text of a node run of this session, as far as it is known."""
    return next((found for ask in _providers if (found := ask(session_id, node_run_id)) is not None), None)
