"""Invitations by name: the owner asks somebody in, and they become a member when they accept.

What the owner is told is the same whether anybody has that name or not, and whether they have declined: who has an
account here is nobody's business. Nothing is looked up, so it takes the same time as well.
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from sessions_app.errors import AlreadyMember, InvalidField, NotFound
from sessions_app.events import MemberChanged, MemberJoined
from sessions_app.limits import quotas
from sessions_app.limits.held import session_holder
from sessions_app.models import Invitation, Member, Role, SessionStatus, User
from sessions_app.permissions import RANK, Action, require, require_active
from sessions_app.services import events, removals, texts
from sessions_app.services.locks import lock_session

STANDS_FOR = timedelta(days=30)


def invite(*, user: User, session_id: UUID, name: str, role: Role, now: datetime | None = None) -> Invitation:
    """Asks whoever has this username or id; asked again, the invitation has the new role and a new end."""
    now = now or timezone.now()
    require(user, session_id, Action.MANAGE)
    name = _canonical(texts.one_line(name, pointer="/user"))
    with transaction.atomic():
        require_active(lock_session(session_id), Action.MANAGE)
        _refuse_members(session_id, name, user)
        Invitation.objects.filter(session_id=session_id, expires_at__lte=now).delete()
        standing = Invitation.objects.filter(session_id=session_id, name=name).first()
        if standing is None:
            quotas.require("members", [session_holder(session_id)])
            standing = Invitation(session_id=session_id, name=name)
        standing.role, standing.created_by, standing.created_at = role, user, now
        standing.expires_at = now + STANDS_FOR
        standing.save()
    return standing


def _canonical(name: str) -> str:
    """A username as accounts have it, or an id as ids are written here."""
    if not name:
        raise InvalidField(pointer="/user", message="Say whom: a username, or a user's id.")
    return _as_id(name) or User.normalize_username(name)


def _as_id(name: str) -> str | None:
    try:
        return str(UUID(name))
    except ValueError:
        return None


def _refuse_members(session_id: UUID, name: str, user: User) -> None:
    """By an id, which the list of members tells anyway, or by the owner's own name; of no other name is it said."""
    member_id = str(user.pk) if name == user.username else name
    try:
        member = Member.objects.select_related("user").filter(session_id=session_id, user_id=UUID(member_id)).first()
    except ValueError:
        return
    if member is not None:
        raise AlreadyMember(name=str(member.user), role=member.role)


def pending_of_session(*, user: User, session_id: UUID, now: datetime | None = None) -> QuerySet[Invitation]:
    """Who is asked into a session and has not come yet, for its owner."""
    require(user, session_id, Action.MANAGE)
    return Invitation.objects.filter(session_id=session_id, expires_at__gt=now or timezone.now()).order_by(
        "-created_at"
    )


def withdraw(*, user: User, session_id: UUID, invitation_id: UUID) -> None:
    """The owner takes an invitation back."""
    require(user, session_id, Action.MANAGE)
    if not Invitation.objects.filter(pk=invitation_id, session_id=session_id).delete()[0]:
        raise NotFound("invitation", invitation_id)


def pending_of(user: User, *, now: datetime | None = None) -> QuerySet[Invitation]:
    """What a person is asked into and has neither accepted nor declined."""
    return (
        _mine(user)
        .filter(expires_at__gt=now or timezone.now(), declined_at=None, session__status=SessionStatus.ACTIVE)
        .exclude(session__in=Member.objects.filter(user=user, role=Role.OWNER).values("session"))
        .select_related("session", "created_by")
        .order_by("-created_at")
    )


def accept(*, user: User, invitation_id: UUID, now: datetime | None = None) -> Member:
    """The person comes in. Whoever is in with as high a role stays so."""
    now = now or timezone.now()
    found = _mine(user).filter(pk=invitation_id).values_list("session_id", flat=True).first()
    if found is None:
        raise NotFound("invitation", invitation_id)
    with transaction.atomic():
        session = lock_session(found)
        invitation = _mine(user).filter(pk=invitation_id, expires_at__gt=now, declined_at=None).first()
        if invitation is None:  # withdrawn, over or answered meanwhile
            raise NotFound("invitation", invitation_id)
        require_active(session, Action.MANAGE)
        invitation.delete()
        member = Member.objects.select_related("user").filter(session=session, user=user).first()
        if member is None:
            removals.forget(session_id=session.pk, user=user)
            member = Member.objects.create(session=session, user=user, role=invitation.role, joined_at=now)
            events.append(session.pk, [MemberJoined(user=user.pk, name=str(user), role=invitation.role)])
        elif RANK[Role(member.role)] < RANK[Role(invitation.role)]:
            member.role = invitation.role
            member.save(update_fields=["role"])
            events.append(session.pk, [MemberChanged(user=user.pk, name=str(user), role=invitation.role)])
    return member


def decline(*, user: User, invitation_id: UUID, now: datetime | None = None) -> None:
    """The person does not come; nobody else is told."""
    now = now or timezone.now()
    standing = _mine(user).filter(pk=invitation_id, expires_at__gt=now, declined_at=None)
    if not standing.update(declined_at=now):
        raise NotFound("invitation", invitation_id)


def _mine(user: User) -> QuerySet[Invitation]:
    """By the person's name or id; a name that looks like an id is nobody's name, or it would be taken for another's.

    One that was made before they were removed is theirs no more. It stays in the owner's list, or it would tell there
    whose name it is.
    """
    names = [str(user.pk)] if _as_id(user.username) else [str(user.pk), user.username]
    return Invitation.objects.filter(~removals.after_invitation(user), name__in=names)
