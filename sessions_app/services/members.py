"""Who is in a session, and as what."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from sessions_app.errors import AlreadyMember, LastOwner, NotFound
from sessions_app.events import MemberChanged, MemberJoined, MemberLeft
from sessions_app.models import Member, Role, User
from sessions_app.permissions import Action, require, require_active
from sessions_app.services import events
from sessions_app.services.locks import lock_session


def add(*, user: User, session_id: UUID, newcomer: User, role: Role, now: datetime | None = None) -> Member:
    """The owner lets somebody in."""
    require(user, session_id, Action.MANAGE)
    with transaction.atomic():
        require_active(lock_session(session_id), Action.MANAGE)
        present = Member.objects.filter(session_id=session_id, user=newcomer).first()
        if present is not None:
            raise AlreadyMember(name=str(newcomer), role=present.role)
        member = Member.objects.create(session_id=session_id, user=newcomer, role=role, joined_at=now or timezone.now())
        events.append(session_id, [MemberJoined(user=newcomer.pk, name=str(newcomer), role=role.value)])
    return member


def add_by_name(*, user: User, session_id: UUID, name: str, role: Role, now: datetime | None = None) -> Member:
    """The owner lets somebody in whose username or id they know."""
    require(user, session_id, Action.MANAGE)
    return add(user=user, session_id=session_id, newcomer=_known(name), role=role, now=now)


def change_role(*, user: User, session_id: UUID, member_id: UUID, role: Role) -> Member:
    """The owner makes a member something else; member_id is the id of the member's user."""
    require(user, session_id, Action.MANAGE)
    with transaction.atomic():
        require_active(lock_session(session_id), Action.MANAGE)
        member = _member(session_id, member_id)
        if member.role == role:
            return member
        if member.role == Role.OWNER:
            _require_another_owner(member)
        member.role = role
        member.save(update_fields=["role"])
        events.append(session_id, [MemberChanged(user=member_id, name=str(member.user), role=role.value)])
    return member


def remove(*, user: User, session_id: UUID, member_id: UUID) -> None:
    """The owner removes a member, or a member leaves; their open sockets close."""
    require(user, session_id, Action.LEAVE if user.pk == member_id else Action.MANAGE)
    with transaction.atomic():
        lock_session(session_id)
        member = _member(session_id, member_id)
        if member.role == Role.OWNER:
            _require_another_owner(member)
        member.delete()
        events.append(session_id, [MemberLeft(user=member_id, name=str(member.user))])


def _known(name: str) -> User:
    """The active user with this username or id."""
    active = User.objects.filter(is_active=True)
    found = active.filter(username=name).first()
    if found is None:
        try:
            found = active.filter(pk=UUID(name)).first()
        except ValueError:
            found = None
    if found is None:
        raise NotFound("user", name)
    return found


def _member(session_id: UUID, member_id: UUID) -> Member:
    member = Member.objects.select_related("user").filter(session_id=session_id, user_id=member_id).first()
    if member is None:
        raise NotFound("member", member_id)
    return member


def _require_another_owner(member: Member) -> None:
    others = Member.objects.filter(session_id=member.session_id, role=Role.OWNER).exclude(pk=member.pk)
    if not others.exists():
        raise LastOwner
