"""Users, sessions, members, documents, revisions, and each session's numbered event log."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils import timezone
from uuid_utils.compat import uuid7


def new_id() -> uuid.UUID:
    """A UUID of version 7: sortable by time, so that an index grows at one end."""
    return uuid7()


class User(AbstractUser):
    """A person; a guest is a user without a password."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=80, blank=True)
    is_guest = models.BooleanField(default=False)
    address = models.CharField(max_length=32, blank=True, db_index=True)
    """A keyed digest of the network that a guest came from: all its guests together are one holder of quotas."""

    def __str__(self) -> str:
        return self.name or self.username


class Role(models.TextChoices):
    OWNER = "owner"
    EDITOR = "editor"
    VIEWER = "viewer"


class SessionStatus(models.TextChoices):
    ACTIVE = "active"
    EXPIRED = "expired"


class Session(models.Model):
    """A room of people with a lifetime (design: time to live)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    title = models.CharField(max_length=200)
    language = models.CharField(max_length=40, default="text")
    status = models.CharField(max_length=10, choices=SessionStatus, default=SessionStatus.ACTIVE)
    created_by = models.ForeignKey(User, on_delete=models.CASCADE, related_name="created_sessions")
    created_at = models.DateTimeField(default=timezone.now)
    last_active_at = models.DateTimeField(default=timezone.now)
    idle_ttl_s = models.PositiveIntegerField()
    max_ttl_s = models.PositiveIntegerField()
    lifetime_from = models.DateTimeField(default=timezone.now)
    """The moment that max_ttl counts from: creation, or the last reopening or extension."""
    expires_at = models.DateTimeField()
    """The end of its idle time or of its lifetime, whichever comes first; raised by activity."""
    warned_at = models.DateTimeField(null=True, blank=True)
    expired_at = models.DateTimeField(null=True, blank=True)
    last_seq = models.PositiveBigIntegerField(default=0)
    """The number of the newest event; raised in the transaction that writes it."""
    metadata = models.JSONField(default=dict, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["status", "expires_at"]),
            models.Index(fields=["status", "expired_at"]),
        ]

    def __str__(self) -> str:
        return self.title

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.expires_at is None:
            self.expires_at = self.end_after(self.last_active_at)
        super().save(*args, **kwargs)

    def end_after(self, active_at: datetime) -> datetime:
        """When it expires if nothing happens after this moment."""
        idle_end = active_at + timedelta(seconds=self.idle_ttl_s)
        return min(idle_end, self.lifetime_from + timedelta(seconds=self.max_ttl_s))


class Member(models.Model):
    """A person in a session, with a role."""

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="members")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role)
    joined_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["session", "user"], name="one_membership_per_session")]

    def __str__(self) -> str:
        return f"{self.user} ({self.role})"


class Connection(models.Model):
    """A socket that is open now; a session with one is not idle."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="connections")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="connections")
    opened_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return f"a connection of {self.user}"


class Document(models.Model):
    """A shared document of a session: the head of its log of updates."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="documents")
    name = models.CharField(max_length=200, default="main")
    kind = models.CharField(max_length=20, default="text")
    """Which root types it has: a name in crdt.kinds."""
    epoch = models.PositiveIntegerField(default=1)
    """Raised when its history is begun anew; copies that people hold of an older epoch are not merged."""
    revision = models.PositiveBigIntegerField(default=0)
    """The number of its newest update; a Revision row is kept for some of these numbers."""
    held_bytes = models.PositiveBigIntegerField(default=0)
    """What its log and its pinned revisions take on disk: what is never deleted while it is there."""
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["session", "name"], name="one_document_per_name")]

    def __str__(self) -> str:
        return f"{self.name} at revision {self.revision}"

    @property
    def text(self) -> str:
        """The text that was set on this instance (selectors and locks set the newest), or the one written down last."""
        if "_text" not in self.__dict__:
            written = DocumentText.objects.filter(pk=self.pk).first()
            self.__dict__["_text"] = written.text if written else ""
        text: str = self.__dict__["_text"]
        return text

    @text.setter
    def text(self, text: str) -> None:
        self.__dict__["_text"] = text

    def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        self.__dict__.pop("_text", None)
        super().refresh_from_db(*args, **kwargs)


class DocumentText(models.Model):
    """A document's text as it was at a revision: with every change by a service, and a moment after people typed.

    It is not in the document's row, because that one changes with every keystroke and has to be small.
    """

    document = models.OneToOneField(Document, on_delete=models.CASCADE, primary_key=True, related_name="written")
    text = models.TextField(blank=True)
    revision = models.PositiveBigIntegerField()

    def __str__(self) -> str:
        return f"the text at revision {self.revision}"


class DocumentUpdate(models.Model):
    """One CRDT delta in a document's log; numbered without holes in the order of commits, and never changed."""

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="updates", db_index=False)
    number = models.PositiveBigIntegerField()
    update = models.BinaryField()
    user = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )  # every index is one more page to write for every keystroke
    origin = models.JSONField(default=dict, blank=True)
    """What made it: {"kind": "edit"}, or {"kind": "proposal", "run": id, "node": id, "endpoint": id, "hunks": [n]}."""
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["document", "number"], name="one_update_per_number")]

    def __str__(self) -> str:
        return f"update {self.number}"


class DocumentSnapshot(models.Model):
    """The whole state of a document at a number, from which it opens quickly."""

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="snapshots")
    number = models.PositiveBigIntegerField()
    state = models.BinaryField()
    digest = models.CharField(max_length=64)
    """SHA-256 of the state; one that does not match is passed over."""
    starts_epoch = models.BooleanField(default=False)
    """The history begins anew here: it is not made of the updates before, and so it is always kept."""
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["document", "number"], name="one_snapshot_per_number")]

    def __str__(self) -> str:
        return f"snapshot {self.number}"


class DocumentClient(models.Model):
    """Whose a CRDT client id is in a document: nobody else may write under it. Without a user it is the server's."""

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="clients")
    client = models.PositiveBigIntegerField()
    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    epoch = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["document", "client"], name="one_owner_per_client")]

    def __str__(self) -> str:
        return f"client {self.client}"


class QuarantinedUpdate(models.Model):
    """An update that was refused because it cannot be what an editor makes; kept so that somebody can look at it."""

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="quarantined")
    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    update = models.BinaryField()
    reason = models.CharField(max_length=500)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.reason


class Invite(models.Model):
    """A link that lets people into a session with a role; only the digest of its token is stored."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="invites")
    digest = models.CharField(max_length=64, unique=True)
    role = models.CharField(max_length=10, choices=Role)
    created_by = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    max_uses = models.PositiveIntegerField(null=True, blank=True)
    uses = models.PositiveIntegerField(default=0)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"an invitation as {self.role}"


class Invitation(models.Model):
    """Somebody is asked into a session by name, and becomes a member when they accept.

    It holds the name as it was typed, whether anybody has it or not: nobody can tell by it who has an account.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="invitations")
    name = models.CharField(max_length=150, db_index=True)
    """A username, or a user's id."""
    role = models.CharField(max_length=10, choices=Role)
    created_by = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    declined_at = models.DateTimeField(null=True, blank=True)
    """Only the one who declined is told: to the others it stands until its end."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["session", "name"], name="one_invitation_per_name")]

    def __str__(self) -> str:
        return f"an invitation of {self.name} as {self.role}"


class Removal(models.Model):
    """Somebody was removed from a session, or their role lowered: what let people in until then is nothing to them."""

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="removals")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField()
    """No earlier than what was made before, by whichever process's clock."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["session", "user"], name="one_removal_per_person")]

    def __str__(self) -> str:
        return f"{self.user} was removed at {self.at:%Y-%m-%d %H:%M}"


class Revision(models.Model):
    """A kept snapshot of a document."""

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveBigIntegerField()
    text = models.TextField(blank=True)
    author = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL)
    origin = models.JSONField(default=dict, blank=True)
    """What made it: {"kind": "edit"} or {"kind": "proposal", "proposal": id, "run": id, "hunks": [n]}."""
    name = models.CharField(max_length=100, blank=True)
    """What somebody called it."""
    pinned = models.BooleanField(default=False)
    """Something refers to it (a request's base, a restore), so autosave neither writes over it nor thins it out."""
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["document", "number"], name="one_revision_per_number")]

    def __str__(self) -> str:
        return f"revision {self.number}"


class SessionEvent(models.Model):
    """One row of a session's numbered log; written in the transaction of what it tells of."""

    id = models.BigAutoField(primary_key=True)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="events")
    seq = models.PositiveBigIntegerField()
    type = models.CharField(max_length=40)
    at = models.DateTimeField()
    run = models.UUIDField(null=True, blank=True, db_index=True)
    data = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["session", "seq"], name="one_event_per_number")]

    def __str__(self) -> str:
        return f"{self.seq} {self.type}"

    def frame(self) -> dict[str, Any]:
        """The event as sockets and REST show it."""
        return {
            "seq": self.seq,
            "type": self.type,
            "at": self.at.isoformat().replace("+00:00", "Z"),
            "run": str(self.run) if self.run else None,
            "data": self.data,
        }


class Ticket(models.Model):
    """A single-use pass for a socket, for clients that have no login cookie."""

    digest = models.CharField(max_length=64, primary_key=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    expires_at = models.DateTimeField()
    login = models.CharField(max_length=64, blank=True)
    """The login that asked for it; the socket ends with that login."""
    ends_at = models.DateTimeField(null=True, blank=True)
    """When the access token that asked for it ends; the socket ends then too."""

    def __str__(self) -> str:
        return f"a ticket of {self.user}"


class IdempotencyKey(models.Model):
    """The first answer to a POST, kept so that the same POST again gets the same answer."""

    user = models.ForeignKey(User, on_delete=models.CASCADE)
    key = models.CharField(max_length=255)
    path = models.CharField(max_length=500)
    body_digest = models.CharField(max_length=64)
    status_code = models.PositiveSmallIntegerField(null=True, blank=True)
    """Null while the first request is still in progress."""
    body = models.JSONField(null=True, blank=True)
    headers = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "path", "key"], name="one_answer_per_key")]

    def __str__(self) -> str:
        return f"{self.key} for {self.path}"
