"""Who was removed from a session does not come back by what let them in: only by what was made for them since.

All of it inside the transaction that has locked the session, so that nothing is made in between.
"""

from datetime import datetime
from uuid import UUID

from django.db.models import Exists, Max, OuterRef

from sessions_app.models import Invitation, Invite, Removal, User


def note(*, session_id: UUID, user_id: UUID, now: datetime) -> None:
    """From now on, links and invitations that stand let this person in no more."""
    made = (kind.objects.filter(session_id=session_id).aggregate(at=Max("created_at")) for kind in (Invite, Invitation))
    at = max([now, *(newest["at"] for newest in made if newest["at"] is not None)])
    Removal.objects.update_or_create(session_id=session_id, user_id=user_id, defaults={"at": at})


def forget(*, session_id: UUID, user: User) -> None:
    """They were let in again."""
    Removal.objects.filter(session_id=session_id, user=user).delete()


def shuts_out(user: User, made: Invite) -> bool:
    """Whether somebody was removed after a link was made."""
    return Removal.objects.filter(session=made.session_id, user=user, at__gte=made.created_at).exists()


def after_invitation(user: User) -> Exists:
    """The condition that somebody was removed after an invitation was made."""
    return Exists(Removal.objects.filter(session=OuterRef("session_id"), user=user, at__gte=OuterRef("created_at")))
