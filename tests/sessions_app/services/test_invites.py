"""Invitations: who may make them, how often and how long they stand, and what they make of people."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections

from sessions_app.errors import InvalidField, InviteOver, NotAllowed, NotFound, SessionExpired
from sessions_app.models import Invite, Role
from sessions_app.services import invites, lifetimes
from tests.sessions_app.conftest import NOON, Cast, after, make_cast, make_user


def invite(cast: Cast, role: Role = Role.EDITOR, **given: object) -> str:
    made = invites.create(user=cast.ana, session_id=cast.session.pk, role=role, now=NOON, **given)  # type: ignore[arg-type]
    return made[1]


def test_a_link_makes_a_stranger_a_member_with_its_role(cast_at_noon: Cast) -> None:
    cast = cast_at_noon
    member = invites.accept(user=cast.eve, token=invite(cast, Role.VIEWER), now=NOON)
    assert (member.session, member.role) == (cast.session, Role.VIEWER)
    assert cast.types()[-1] == "member.joined"


def test_the_token_itself_is_not_stored(cast_at_noon: Cast) -> None:
    token = invite(cast_at_noon)
    assert token not in str(Invite.objects.values().get())


def test_only_an_owner_invites_and_nobody_is_invited_as_owner(cast_at_noon: Cast) -> None:
    cast = cast_at_noon
    with pytest.raises(NotAllowed):
        invites.create(user=cast.ben, session_id=cast.session.pk, role=Role.VIEWER)
    with pytest.raises(NotFound):
        invites.create(user=cast.eve, session_id=cast.session.pk, role=Role.VIEWER)
    with pytest.raises(InvalidField):
        invite(cast, Role.OWNER)


def test_a_link_ends_with_its_time_its_uses_or_its_revocation(cast_at_noon: Cast) -> None:
    cast = cast_at_noon
    token = invite(cast, expires_in=timedelta(hours=1))
    with pytest.raises(InviteOver, match="has expired"):
        invites.accept(user=cast.eve, token=token, now=after(hours=2))
    token = invite(cast, max_uses=1)
    invites.accept(user=cast.eve, token=token, now=NOON)
    with pytest.raises(InviteOver, match="as often as it may be"):
        invites.accept(user=make_user("finn"), token=token, now=NOON)
    token = invite(cast)
    invites.revoke(user=cast.ana, session_id=cast.session.pk, invite_id=Invite.objects.latest("id").pk, now=NOON)
    with pytest.raises(InviteOver, match="was revoked"):
        invites.accept(user=make_user("gus"), token=token, now=NOON)
    with pytest.raises(NotFound):
        invites.accept(user=cast.eve, token="guessed", now=NOON)


def test_only_links_that_let_somebody_in_are_listed(cast_at_noon: Cast) -> None:
    cast = cast_at_noon
    invite(cast, expires_in=timedelta(hours=1))
    used = invite(cast, max_uses=1)
    invites.accept(user=cast.eve, token=used, now=NOON)
    invite(cast)
    listed = invites.standing(user=cast.ana, session_id=cast.session.pk, now=after(hours=2))
    assert [(it.uses, it.max_uses, it.expires_at) for it in listed] == [(0, None, None)]


def test_a_member_keeps_the_higher_role_and_uses_nothing_up(cast_at_noon: Cast) -> None:
    cast = cast_at_noon
    viewer, editor = invite(cast, Role.VIEWER, max_uses=1), invite(cast, Role.EDITOR, max_uses=1)
    assert invites.accept(user=cast.ben, token=viewer, now=NOON).role == Role.EDITOR
    assert invites.accept(user=cast.ana, token=editor, now=NOON).role == Role.OWNER
    assert invites.accept(user=cast.vic, token=editor, now=NOON).role == Role.EDITOR
    assert cast.types()[-1] == "member.changed"
    assert sorted(Invite.objects.values_list("uses", flat=True)) == [0, 1]


def test_who_is_in_already_may_come_again_by_a_link_that_lets_nobody_else_in(cast_at_noon: Cast) -> None:
    cast = cast_at_noon
    token = invite(cast, Role.VIEWER, max_uses=1)
    invites.accept(user=cast.eve, token=token, now=NOON)
    assert invites.accept(user=cast.eve, token=token, now=after(hours=2)).role == Role.VIEWER
    assert invites.joined(user=cast.eve, token=token) == cast.session.pk
    assert invites.joined(user=make_user("finn"), token=token) is None
    assert Invite.objects.get().uses == 1


def test_nobody_joins_an_expired_session(cast_at_noon: Cast) -> None:
    cast = cast_at_noon
    token = invite(cast)
    lifetimes.expire_now(session_id=cast.session.pk, now=NOON)
    with pytest.raises(SessionExpired):
        invites.accept(user=cast.eve, token=token, now=NOON)


@pytest.mark.django_db(transaction=True)
def test_of_many_who_come_at_once_only_as_many_as_may_get_in() -> None:
    cast = make_cast(now=NOON)
    token = invite(cast, max_uses=2)
    people = [make_user(f"guest{n}") for n in range(6)]
    together = threading.Barrier(6)

    def come(user: object) -> bool:
        together.wait(10)
        try:
            invites.accept(user=user, token=token, now=NOON)  # type: ignore[arg-type]
        except InviteOver:
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(come, people)) == 2
    assert cast.session.members.count() == 5
    assert Invite.objects.get().uses == 2
