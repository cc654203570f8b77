"""The quotas of what this app makes: guests, sessions, what their documents hold, members, links into a session."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from sessions_app.limits.quotas import Holder, Quota, exceeded, holders_of, register
from sessions_app.models import Document, Invitation, Invite, Member, Session, User

GUEST_COUNTS_FOR = timedelta(days=1)


def install() -> None:
    """Registers them; called once, when the app is ready."""
    for quota in (GUESTS, SESSIONS, DOCUMENT_BYTES, MEMBERS, INVITES):
        register(quota)


def session_holder(session_id: object) -> Holder:
    return Holder("session", str(session_id))


def _guests(holder: Holder) -> int:
    return _new_guests(holder.key).count()


def _guest_free_at(holder: Holder) -> datetime | None:
    first = _new_guests(holder.key).order_by("date_joined").values_list("date_joined", flat=True).first()
    return first + GUEST_COUNTS_FOR if first else None


def _new_guests(address: str) -> QuerySet[User]:
    since = timezone.now() - GUEST_COUNTS_FOR
    return User.objects.filter(is_guest=True, address=address, date_joined__gt=since)


def _sessions(holder: Holder) -> int:
    return Session.objects.filter(**holder.owning("created_by")).count()


def _session_free_at(holder: Holder) -> datetime | None:
    """When the first of them will be deleted, if nobody comes back to it."""
    ends = Session.objects.filter(**holder.owning("created_by")).annotate(
        end=Coalesce(F("expired_at"), F("expires_at"))
    )
    first = ends.order_by("end").values_list("end", flat=True).first()
    return first + timedelta(seconds=settings.SESSION_RETENTION_S) if first else None


def _document_bytes(holder: Holder) -> int:
    held = Document.objects.filter(**holder.owning("session__created_by"))
    return int(held.aggregate(total=Sum("held_bytes"))["total"] or 0)


def over_quota(document_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Why nothing may be added to these documents; those to which something may are left out."""
    found = {}
    for document in Document.objects.filter(pk__in=document_ids).select_related("session__created_by"):
        error = exceeded(DOCUMENT_BYTES.name, holders_of(document.session.created_by))
        if error is not None:
            found[document.pk] = error.message
    return found


def _members(holder: Holder) -> int:
    invited = Invitation.objects.filter(session_id=holder.key, expires_at__gt=timezone.now())
    return Member.objects.filter(session_id=holder.key).count() + invited.count()


def standing_invites(now: datetime) -> Q:
    """The condition that a link still lets somebody in."""
    unexpired = Q(expires_at=None) | Q(expires_at__gt=now)
    return unexpired & (Q(max_uses=None) | Q(uses__lt=F("max_uses"))) & Q(revoked_at=None)


def _invites(holder: Holder) -> int:
    return Invite.objects.filter(standing_invites(timezone.now()), session_id=holder.key).count()


GUESTS = Quota(
    name="guests",
    what="guests from this network since yesterday",
    setting="QUOTA_GUESTS",
    used=_guests,
    free_at=_guest_free_at,
    advice="Go on as a guest that you have, or sign in.",
)
SESSIONS = Quota(
    name="sessions",
    what="sessions that you made",
    setting="QUOTA_SESSIONS",
    used=_sessions,
    free_at=_session_free_at,
    advice="Delete one that you no longer need.",
)
DOCUMENT_BYTES = Quota(
    name="document_bytes",
    what="bytes in the documents of all sessions by whoever made this one",
    setting="QUOTA_DOCUMENT_BYTES",
    used=_document_bytes,
    free_at=_session_free_at,
    advice="Delete a session that is no longer needed.",
)
MEMBERS = Quota(
    name="members",
    what="members and invited people in this session",
    setting="QUOTA_MEMBERS",
    used=_members,
    advice="Remove somebody first.",
)
INVITES = Quota(
    name="invites",
    what="links into this session",
    setting="QUOTA_INVITES",
    used=_invites,
    advice="Revoke one first.",
)
