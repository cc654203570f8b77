"""On whose behalf the work under way is done, so that what is scarce is shared between people."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_person: ContextVar[str] = ContextVar("on_behalf_of", default="")


def person() -> str:
    """The id of the person whose run or request this is; empty for the site's own work."""
    return _person.get()


@contextmanager
def of(person_id: object) -> Iterator[None]:
    """Sets the person for what is done within."""
    token = _person.set(str(person_id or ""))
    try:
        yield
    finally:
        _person.reset(token)
