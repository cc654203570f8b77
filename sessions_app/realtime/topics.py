"""What else than sessions' frames goes over the channel layer: items whose key is "topic:key"."""

from collections.abc import Callable

Deliver = Callable[[str, str | None], None]
"""Takes an item's key (without the topic) and text, on the loop that the sockets live on."""

_topics: dict[str, Deliver] = {}


def register(topic: str, deliver: Deliver) -> None:
    """Registers who takes a topic's items."""
    _topics[topic] = deliver


def deliver(key: str, text: str | None) -> bool:
    """Hands an item to its topic; False when its key belongs to none, and so to a session."""
    topic, colon, rest = key.partition(":")
    taker = _topics.get(topic) if colon else None
    if taker is not None:
        taker(rest, text)
    return bool(colon)
