"""Who is in a session, and as what. People come in by invitations and by links (invites), never unasked."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from sessions_app.errors import LastOwner, NotFound
from sessions_app.events import MemberChanged, MemberLeft
from sessions_app.models import Invite, Member, Role, User
from sessions_app.permissions import RANK, Action, require, require_active
from sessions_app.services import events, removals
from sessions_app.services.locks import lock_session


def change_role(*, user: User, session_id: UUID, member_id: UUID, role: Role) -> Member:
    """The owner makes a member something else; member_id is the id of the member's user.

    Whose role is lowered does not get it back by a link that stands, as whoever is removed does not come back by one.
    """
    require(user, session_id, Action.MANAGE)
    now = timezone.now()
    with transaction.atomic():
        require_active(lock_session(session_id), Action.MANAGE)
        member = _member(session_id, member_id)
        if member.role == role:
            return member
        if member.role == Role.OWNER:
            _require_another_owner(member)
        if RANK[role] < RANK[Role(member.role)]:
            removals.note(session_id=session_id, user_id=member_id, now=now)
            _revoke_links_of(member, now)
        member.role = role
        member.save(update_fields=["role"])
        events.append(session_id, [MemberChanged(user=member_id, name=str(member.user), role=role.value)])
    return member


def remove(*, user: User, session_id: UUID, member_id: UUID) -> None:
    """The owner removes a member, or a member leaves; their open sockets close.

    Somebody who is removed comes back by nothing that stands, and the links that they have made let nobody in.
    """
    require(user, session_id, Action.LEAVE if user.pk == member_id else Action.MANAGE)
    now = timezone.now()
    with transaction.atomic():
        lock_session(session_id)
        member = _member(session_id, member_id)
        if member.role == Role.OWNER:
            _require_another_owner(member)
        member.delete()
        if user.pk != member_id:
            removals.note(session_id=session_id, user_id=member_id, now=now)
            _revoke_links_of(member, now)
        events.append(session_id, [MemberLeft(user=member_id, name=str(member.user))])


def _member(session_id: UUID, member_id: UUID) -> Member:
    member = Member.objects.select_related("user").filter(session_id=session_id, user_id=member_id).first()
    if member is None:
        raise NotFound("member", member_id)
    return member


def _revoke_links_of(member: Member, now: datetime) -> None:
    """Those that they have made."""
    made = Invite.objects.filter(session_id=member.session_id, created_by=member.user_id, revoked_at=None)
    made.update(revoked_at=now)


def _require_another_owner(member: Member) -> None:
    others = Member.objects.filter(session_id=member.session_id, role=Role.OWNER).exclude(pk=member.pk)
    if not others.exists():
        raise LastOwner
