"""Links that let people into a session. A token is shown once; what is kept is its digest."""

import hashlib
import secrets
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from sessions_app.errors import InvalidField, InviteOver, NotFound
from sessions_app.events import MemberChanged, MemberJoined
from sessions_app.limits import quotas
from sessions_app.limits.held import session_holder, standing_invites
from sessions_app.models import Invite, Member, Role, User
from sessions_app.permissions import RANK, Action, require, require_active
from sessions_app.services import events, removals
from sessions_app.services.locks import lock_session

LONGEST = timedelta(days=365)


def create(
    *,
    user: User,
    session_id: UUID,
    role: Role,
    expires_in: timedelta | None = None,
    max_uses: int | None = None,
    now: datetime | None = None,
) -> tuple[Invite, str]:
    """Makes an invitation; returns it with its token, which nobody can ask for again."""
    now = now or timezone.now()
    require(user, session_id, Action.MANAGE)
    if role == Role.OWNER:
        raise InvalidField(
            pointer="/role", message="An invitation makes an editor or a viewer; owners are made by name."
        )
    if expires_in is not None and not timedelta(0) < expires_in <= LONGEST:
        raise InvalidField(pointer="/expires_in_s", message=f"An invitation stands for up to {LONGEST.days} days.")
    token = secrets.token_urlsafe(24)
    with transaction.atomic():
        require_active(lock_session(session_id), Action.MANAGE)
        quotas.require("invites", [session_holder(session_id)])
        invite = Invite.objects.create(
            session_id=session_id,
            digest=_digest(token),
            role=role,
            created_by=user,
            created_at=now,
            expires_at=now + expires_in if expires_in else None,
            max_uses=max_uses,
        )
    return invite, token


def standing(*, user: User, session_id: UUID, now: datetime | None = None) -> QuerySet[Invite]:
    """The invitations that still let somebody in."""
    require(user, session_id, Action.MANAGE)
    found = Invite.objects.filter(session_id=session_id).select_related("created_by")
    return _standing(found, now or timezone.now())


def revoke(*, user: User, session_id: UUID, invite_id: UUID, now: datetime | None = None) -> None:
    """From now on the link lets nobody in; who is in stays."""
    require(user, session_id, Action.MANAGE)
    found = Invite.objects.filter(pk=invite_id, session_id=session_id)
    if not found.exists():
        raise NotFound("invitation", invite_id)
    found.filter(revoked_at=None).update(revoked_at=now or timezone.now())


def look(*, token: str, user: User | None = None, now: datetime | None = None) -> Invite:
    """What a link leads to, before somebody accepts it. Raises NotFound, or InviteOver."""
    invite = _find(token)
    _require_standing(invite, now or timezone.now())
    if user is not None:
        _require_not_removed(user, invite)
    return invite


def joined(*, user: User, token: str) -> UUID | None:
    """The session that a link leads to, for somebody to whom it gives nothing more, whatever became of it."""
    invite = _find(token)
    member = Member.objects.filter(session=invite.session_id, user=user).first()
    return invite.session_id if member is not None and _has_as_much(member, invite) else None


def accept(*, user: User, token: str, now: datetime | None = None) -> Member:
    """Lets somebody in by a link. Who is in with as high a role stays so, uses nothing up, and may come by an old link.

    The UPDATE that counts the use decides who of two people gets the last place.
    """
    now = now or timezone.now()
    invite = _find(token)
    with transaction.atomic():
        session = lock_session(invite.session_id)
        require_active(session, Action.MANAGE)
        member = Member.objects.select_related("user").filter(session=session, user=user).first()
        if member is not None and _has_as_much(member, invite):
            return member
        _require_standing(invite, now)
        _require_not_removed(user, invite)
        left = Q(max_uses=None) | Q(uses__lt=F("max_uses"))
        if not Invite.objects.filter(left, pk=invite.pk, revoked_at=None).update(uses=F("uses") + 1):
            raise InviteOver("was used as often as it may be, or was revoked")
        removals.forget(session_id=session.pk, user=user)
        if member is not None:
            member.role = invite.role
            member.save(update_fields=["role"])
            events.append(session.pk, [MemberChanged(user=user.pk, name=str(user), role=invite.role)])
        else:
            quotas.require("members", [session_holder(session.pk)])
            member = Member.objects.create(session=session, user=user, role=invite.role, joined_at=now)
            events.append(session.pk, [MemberJoined(user=user.pk, name=str(user), role=invite.role)])
    return member


def _find(token: str) -> Invite:
    invite = Invite.objects.select_related("session", "created_by").filter(digest=_digest(token)).first()
    if invite is None:
        raise NotFound("invitation", token[:8] + "…")
    return invite


def _has_as_much(member: Member, invite: Invite) -> bool:
    return RANK[Role(member.role)] >= RANK[Role(invite.role)]


def _standing(found: QuerySet[Invite], now: datetime) -> QuerySet[Invite]:
    return found.filter(standing_invites(now)).order_by("-created_at")


def _require_standing(invite: Invite, now: datetime) -> None:
    if invite.revoked_at is not None:
        raise InviteOver("was revoked")
    if invite.expires_at is not None and invite.expires_at <= now:
        raise InviteOver("has expired")
    if invite.max_uses is not None and invite.uses >= invite.max_uses:
        raise InviteOver("was used as often as it may be")


def _require_not_removed(user: User, invite: Invite) -> None:
    if removals.shuts_out(user, invite):
        raise InviteOver("lets you in no more: since it was made, you were removed or your role was lowered")


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
