"""People are asked into a session by name, and are in it when they have said yes."""

from datetime import timedelta

import pytest
from pytest_django import Settings

from sessions_app import errors, permissions
from sessions_app.models import Invitation, Role, User
from sessions_app.services import invitations, lifetimes, members
from sessions_app.services.invitations import STANDS_FOR
from tests.sessions_app.conftest import NOON, Cast, after, make_cast
from tests.sessions_app.limits.test_quotas import at_once


def asked(cast: Cast, name: str = "eve", role: Role = Role.EDITOR, **more: object) -> Invitation:
    return invitations.invite(user=cast.ana, session_id=cast.session.pk, name=name, role=role, **more)  # type: ignore[arg-type]


def test_nobody_is_in_before_they_accept_and_then_the_session_is_told(cast: Cast) -> None:
    one = asked(cast, role=Role.VIEWER)
    assert permissions.role_of(cast.eve, cast.session) is None
    assert cast.types() == ["member.joined"]
    invitations.accept(user=cast.eve, invitation_id=one.pk)
    assert permissions.role_of(cast.eve, cast.session) == Role.VIEWER
    assert cast.session.events.get(seq=2).data == {"user": str(cast.eve.pk), "name": "Eve", "role": "viewer"}


def test_a_person_is_found_by_id_too_and_guests_are_people(cast: Cast) -> None:
    guest = User.objects.create(username="guest-1", is_guest=True)
    one = asked(cast, name=str(guest.pk).upper())
    assert [found.pk for found in invitations.pending_of(guest)] == [one.pk]


def test_an_account_called_like_anothers_id_gets_nothing_of_theirs(cast: Cast) -> None:
    thief = User.objects.create(username=str(cast.eve.pk))
    one = asked(cast, name=str(cast.eve.pk))
    assert not invitations.pending_of(thief).exists()
    with pytest.raises(errors.NotFound):
        invitations.accept(user=thief, invitation_id=one.pk)
    assert invitations.accept(user=cast.eve, invitation_id=one.pk)


def test_asked_again_it_is_one_invitation_with_the_new_role(cast: Cast) -> None:
    asked(cast, role=Role.VIEWER)
    one = asked(cast, role=Role.OWNER)
    assert Invitation.objects.count() == 1
    assert invitations.accept(user=cast.eve, invitation_id=one.pk).role == Role.OWNER


def test_a_member_gets_the_higher_role_and_never_a_lower_one(cast: Cast) -> None:
    up, down = asked(cast, name="vic", role=Role.OWNER), asked(cast, name="ben", role=Role.VIEWER)
    assert invitations.accept(user=cast.vic, invitation_id=up.pk).role == Role.OWNER
    assert invitations.accept(user=cast.ben, invitation_id=down.pk).role == Role.EDITOR


def test_oneself_and_members_by_their_id_are_members_already(cast: Cast) -> None:
    for name in ("ana", str(cast.ana.pk), str(cast.ben.pk)):
        with pytest.raises(errors.AlreadyMember):
            asked(cast, name=name)


def test_it_ends_by_itself_and_with_its_session(cast_at_noon: Cast) -> None:
    cast = cast_at_noon
    one = asked(cast, now=NOON)
    late = NOON + STANDS_FOR + timedelta(seconds=1)
    assert not invitations.pending_of(cast.eve, now=late).exists()
    with pytest.raises(errors.NotFound):
        invitations.accept(user=cast.eve, invitation_id=one.pk, now=late)
    lifetimes.expire(now=after(hours=2))
    assert not invitations.pending_of(cast.eve, now=NOON).exists()
    with pytest.raises(errors.SessionExpired):
        invitations.accept(user=cast.eve, invitation_id=one.pk, now=NOON)


def test_who_was_removed_comes_back_only_when_asked_again(cast: Cast) -> None:
    one = asked(cast)
    invitations.accept(user=cast.eve, invitation_id=one.pk)
    members.remove(user=cast.ana, session_id=cast.session.pk, member_id=cast.eve.pk)
    with pytest.raises(errors.NotFound):
        invitations.accept(user=cast.eve, invitation_id=one.pk)
    assert invitations.accept(user=cast.eve, invitation_id=asked(cast).pk)


def test_invited_people_count_among_the_members(cast: Cast, settings: Settings) -> None:
    settings.QUOTA_MEMBERS = "session 4"
    asked(cast)
    asked(cast)
    with pytest.raises(errors.QuotaExceeded):
        asked(cast, name="somebody else")


@pytest.mark.django_db(transaction=True)
def test_of_fifty_invitations_at_once_as_many_are_made_as_may_be(settings: Settings) -> None:
    cast = make_cast()
    settings.QUOTA_MEMBERS = "session 10"
    names = iter([f"somebody-{number}" for number in range(50)])
    made, refused = at_once(lambda: asked(cast, name=next(names)))
    assert made == Invitation.objects.count() == 7
    assert {error.code for error in refused} == {"quota_exceeded"}


@pytest.mark.parametrize("name", ["", " ", "\u2028"])
def test_an_empty_name_is_nobodys(cast: Cast, name: str) -> None:
    with pytest.raises(errors.InvalidField):
        asked(cast, name=name)
