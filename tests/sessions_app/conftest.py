"""A small cast: Ana owns the session, Ben edits, Vic views, and Eve is a stranger."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from sessions_app.models import Document, Member, Role, Session, User
from sessions_app.realtime import document_hub, hub
from sessions_app.services import sessions

PATIENCE_S = 60.0
"""How long a test waits for what has to come; it is not measured how soon it does."""
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@dataclass
class Cast:
    """Everybody, and the session they are in."""

    ana: User
    ben: User
    vic: User
    eve: User
    session: Session

    @property
    def document(self) -> Document:
        return self.session.documents.get()

    def types(self) -> list[str]:
        """The types of the session's events, in order."""
        return list(self.session.events.order_by("seq").values_list("type", flat=True))


def make_user(name: str) -> User:
    """Without a password: hashing one takes longer than most tests."""
    user = User(username=name, name=name.capitalize())
    user.set_unusable_password()
    user.save()
    return user


def make_cast(**given: Any) -> Cast:
    ana, ben, vic, eve = (make_user(name) for name in ("ana", "ben", "vic", "eve"))
    session = sessions.create(user=ana, title="Parsers", **{"text": "one\n", **given})
    Member.objects.create(session=session, user=ben, role=Role.EDITOR)
    Member.objects.create(session=session, user=vic, role=Role.VIEWER)
    return Cast(ana, ben, vic, eve, session)


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


@pytest.fixture
def cast_at_noon(db: None) -> Cast:
    """The same, with the session created at noon."""
    return make_cast(now=NOON)


@pytest.fixture
def as_user() -> Callable[[User], APIClient]:
    """A client that is signed in as somebody."""

    def signed_in(user: User) -> APIClient:
        client = APIClient()
        client.force_authenticate(user)
        return client

    return signed_in


@pytest.fixture
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The looks at the database come often: for tests of what a look finds, which need not wait for one."""
    for module in (hub, document_hub):
        assert module.LOOK_EVERY_S < 4, "roles and removals count for open sockets within five seconds"
        monkeypatch.setattr(module, "LOOK_EVERY_S", 0.1)


def after(**kwargs: float) -> datetime:
    """A moment after noon."""
    return NOON + timedelta(**kwargs)


class HeldUp:
    """A function whose answer is held up: it has asked the database, and says so, before it is let go."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self.has_asked = threading.Event()
        self.go_on = threading.Event()

    def __call__(self, *arguments: Any) -> Any:
        answer = self._function(*arguments)
        self.has_asked.set()
        self.go_on.wait(PATIENCE_S)
        return answer
