"""Who may do what in a session: the one place where it is decided, for REST, sockets, commands and upper apps."""

from enum import StrEnum
from uuid import UUID

from sessions_app.errors import NotAllowed, NotFound, SessionExpired
from sessions_app.models import Member, Role, Session, SessionStatus, User


class Action(StrEnum):
    """What somebody wants to do; each needs a role, and some an active session."""

    READ = "read"
    EDIT = "edit"
    """Change the document, ask agents, decide on hunks."""
    MANAGE = "manage"
    """Rename, extend, change members."""
    OWN = "own"
    """Reopen or delete; also of an expired session."""
    LEAVE = "leave"


RANK = {Role.VIEWER: 0, Role.EDITOR: 1, Role.OWNER: 2}
NEEDED = {
    Action.READ: Role.VIEWER,
    Action.EDIT: Role.EDITOR,
    Action.MANAGE: Role.OWNER,
    Action.OWN: Role.OWNER,
    Action.LEAVE: Role.VIEWER,
}
NEEDS_ACTIVE = frozenset({Action.EDIT, Action.MANAGE})


def role_of(user: User, session: Session) -> Role | None:
    """The person's role in the session; None for a stranger."""
    role = Member.objects.filter(session=session, user=user).values_list("role", flat=True).first()
    return Role(role) if role else None


def allows(role: Role | str, action: Action) -> bool:
    """Whether a role reaches for an action, whatever state the session is in."""
    return RANK[Role(role)] >= RANK[NEEDED[action]]


def require(user: User, session_id: UUID, action: Action = Action.READ) -> Member:
    """The person's membership with its session, or the error that says why not.

    A stranger learns nothing, not even that the session exists; a member whose role is too low is told so;
    and then an expired session refuses what would change it.
    """
    member = (
        Member.objects.select_related("session", "user")
        .filter(session_id=session_id, user_id=user.pk, user__is_active=True)
        .first()
    )
    if member is None:
        raise NotFound("session", session_id)
    if not allows(member.role, action):
        raise NotAllowed(role=member.role, needed=NEEDED[action])
    require_active(member.session, action)
    return member


def require_active(session: Session, action: Action) -> None:
    """Refuses what would change a session whose time is over."""
    if action in NEEDS_ACTIVE and session.status != SessionStatus.ACTIVE:
        raise SessionExpired(session.pk)
