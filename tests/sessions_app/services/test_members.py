import pytest

from sessions_app import errors, permissions
from sessions_app.models import Role
from sessions_app.permissions import Action
from sessions_app.services import invites, lifetimes, members
from tests.sessions_app.conftest import Cast, after


def test_an_editor_cannot_change_roles_and_the_owner_can(cast: Cast) -> None:
    with pytest.raises(errors.NotAllowed):
        members.change_role(user=cast.ben, session_id=cast.session.pk, member_id=cast.ben.pk, role=Role.OWNER)
    members.change_role(user=cast.ana, session_id=cast.session.pk, member_id=cast.vic.pk, role=Role.EDITOR)
    assert permissions.role_of(cast.vic, cast.session) == Role.EDITOR
    assert cast.types()[-1] == "member.changed"


def test_a_session_always_keeps_an_owner(cast: Cast) -> None:
    with pytest.raises(errors.LastOwner):
        members.remove(user=cast.ana, session_id=cast.session.pk, member_id=cast.ana.pk)
    with pytest.raises(errors.LastOwner):
        members.change_role(user=cast.ana, session_id=cast.session.pk, member_id=cast.ana.pk, role=Role.VIEWER)
    members.change_role(user=cast.ana, session_id=cast.session.pk, member_id=cast.ben.pk, role=Role.OWNER)
    members.remove(user=cast.ana, session_id=cast.session.pk, member_id=cast.ana.pk)
    assert permissions.role_of(cast.ana, cast.session) is None


def test_anybody_can_leave_even_an_expired_session_and_nobody_can_remove_others(cast_at_noon: Cast) -> None:
    cast = cast_at_noon
    with pytest.raises(errors.NotAllowed):
        members.remove(user=cast.ben, session_id=cast.session.pk, member_id=cast.vic.pk)
    lifetimes.expire(now=after(hours=2))
    members.remove(user=cast.vic, session_id=cast.session.pk, member_id=cast.vic.pk)
    with pytest.raises(errors.NotFound):
        permissions.require(cast.vic, cast.session.pk)


ALLOWED = {
    Action.READ: {"ana", "ben", "vic"},
    Action.LEAVE: {"ana", "ben", "vic"},
    Action.EDIT: {"ana", "ben"},
    Action.MANAGE: {"ana"},
    Action.OWN: {"ana"},
}


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("name", ["ana", "ben", "vic", "eve"])
def test_every_role_reaches_exactly_as_far_as_it_should(cast: Cast, action: Action, name: str) -> None:
    try:
        permissions.require(getattr(cast, name), cast.session.pk, action)
        outcome = "allowed"
    except errors.DomainError as error:
        outcome = error.code
    expected = "not_found" if name == "eve" else "allowed" if name in ALLOWED[action] else "not_allowed"
    assert outcome == expected


def test_a_deactivated_member_is_a_stranger(cast: Cast) -> None:
    cast.ben.is_active = False
    cast.ben.save()
    with pytest.raises(errors.NotFound):
        permissions.require(cast.ben, cast.session.pk)


def test_the_links_of_who_is_removed_let_nobody_in(cast: Cast) -> None:
    members.change_role(user=cast.ana, session_id=cast.session.pk, member_id=cast.ben.pk, role=Role.OWNER)
    _, token = invites.create(user=cast.ben, session_id=cast.session.pk, role=Role.EDITOR)
    members.remove(user=cast.ana, session_id=cast.session.pk, member_id=cast.ben.pk)
    for stranger in (cast.ben, cast.eve):
        with pytest.raises(errors.InviteOver):
            invites.accept(user=stranger, token=token)
    assert permissions.role_of(cast.ben, cast.session) is None
