"""Writes outside a run that happen exactly once: an app registers a handler, a tool asks for it by name.

The journal calls the handler in the transaction that makes the node run durable, behind a savepoint of its own: either
both are there, or neither is. A handler that raises fails its run, and leaves the other runs of the batch alone.
"""

from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from graphs_app.engine.checkpoint import Json
from graphs_app.errors import UnknownEffect
from graphs_app.models import Run
from sessions_app.events import Event

EffectHandler = Callable[[Run, UUID, Json], Sequence[Event]]
"""Takes the run, the id of the node run and the payload; returns what the run's session is to be told."""

_handlers: dict[str, EffectHandler] = {}
_sources: list[Callable[[], Mapping[str, EffectHandler]]] = []


def register(name: str, handler: EffectHandler) -> None:
    """Makes a handler known; called in AppConfig.ready(). The same name again replaces the handler."""
    _handlers[name] = handler


def register_from(source: Callable[[], Mapping[str, EffectHandler]]) -> None:
    """Makes handlers known by name when one is first asked for that nobody knows: a process may never need them."""
    _sources.append(source)


def handler(name: str) -> EffectHandler:
    """The handler of a name; raises UnknownEffect."""
    if name not in _handlers:
        for source in _sources:
            for known, found in source().items():
                _handlers.setdefault(known, found)
    if name not in _handlers:
        raise UnknownEffect(f"no effect is registered as {name!r}; there are {sorted(_handlers)}")
    return _handlers[name]
