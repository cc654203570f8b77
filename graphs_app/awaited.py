"""What parked runs wait for beside their time, such as an endpoint that rests, and whether there is room for them.

A name is "kind:which", without spaces. Whoever knows a kind registers a function that tells how many runs may go on.
"""

from collections.abc import Callable, Collection, Mapping

Room = Callable[[Collection[str]], Mapping[str, int]]
"""Takes what follows the kind in names, answers how many runs each has room for; one left out has no bound."""

NO_BOUND = 1_000_000

_kinds: dict[str, Room] = {}


def register(kind: str, room: Room) -> None:
    """The last one of a kind stands."""
    _kinds[kind] = room


def room_for(names: Collection[str]) -> dict[str, int]:
    """By name; whoever waits for what nobody knows goes on, and finds out."""
    room = dict.fromkeys(names, NO_BOUND)
    for kind, of_kind in _kinds.items():
        asked = [name.removeprefix(f"{kind}:") for name in names if name.startswith(f"{kind}:")]
        if asked:
            room |= {f"{kind}:{which}": max(0, count) for which, count in of_kind(asked).items()}
    return room
