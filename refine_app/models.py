"""Requests, proposals with their hunks, and the ledger of model calls."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from graphs_app.models import Run
from sessions_app.models import Document, Session, new_id


class Intent(models.TextChoices):
    REFINE_CODE = "refine_code"
    CODE_REVIEW = "code_review"


class Request(models.Model):
    """What a person asked for in a session; it starts a run."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="requests")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    intent = models.CharField(max_length=40)
    """What was run: the intent that the person gave, or the one that the router chose for auto."""
    routing_reason = models.TextField(blank=True)
    instruction = models.TextField()
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="follow_ups")
    run = models.OneToOneField(Run, on_delete=models.CASCADE, related_name="request")
    document = models.ForeignKey(Document, on_delete=models.CASCADE)
    base_revision = models.PositiveBigIntegerField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["session", "created_at"])]

    def __str__(self) -> str:
        return self.instruction[:60]


class ProposalStatus(models.TextChoices):
    OPEN = "open"
    DECIDED = "decided"
    SUPERSEDED = "superseded"


class Proposal(models.Model):
    """An agent's change to a revision, in hunks."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="proposals")
    request = models.ForeignKey(Request, on_delete=models.CASCADE, related_name="proposals")
    """What it answers; more than one when a request's run was run again."""
    run = models.OneToOneField(Run, on_delete=models.CASCADE, related_name="proposal")
    document = models.ForeignKey(Document, on_delete=models.CASCADE)
    base_revision = models.PositiveBigIntegerField()
    new_text = models.TextField(blank=True)
    diff = models.TextField(blank=True)
    summary = models.TextField(blank=True)
    status = models.CharField(max_length=10, choices=ProposalStatus, default=ProposalStatus.OPEN)
    checks = models.JSONField(default=list)
    endpoint = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["session", "created_at"])]

    def __str__(self) -> str:
        return f"proposal on revision {self.base_revision}"


class HunkStatus(models.TextChoices):
    OPEN = "open"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    CONFLICTED = "conflicted"


class Hunk(models.Model):
    """One contiguous piece of a proposal, and what was decided about it."""

    proposal = models.ForeignKey(Proposal, on_delete=models.CASCADE, related_name="hunks")
    n = models.PositiveIntegerField()
    """Its number in the proposal, from 1."""
    header = models.CharField(max_length=300)
    old_start = models.PositiveIntegerField()
    old_lines = models.PositiveIntegerField()
    new_start = models.PositiveIntegerField()
    new_lines = models.PositiveIntegerField()
    text = models.TextField()
    """The hunk's lines, each with its leading ' ', '-' or '+', without the header."""
    status = models.CharField(max_length=10, choices=HunkStatus, default=HunkStatus.OPEN)
    reason = models.TextField(blank=True)
    """Why it was rejected, or why it no longer fits."""
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["n"]
        constraints = [models.UniqueConstraint(fields=["proposal", "n"], name="one_hunk_per_number")]

    def __str__(self) -> str:
        return self.header


class ModelCall(models.Model):
    """A row of the ledger: one call to a model."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    run = models.ForeignKey(Run, null=True, blank=True, on_delete=models.SET_NULL, related_name="model_calls")
    node_run = models.UUIDField(null=True, blank=True, db_index=True)
    node_id = models.CharField(max_length=200, blank=True)
    session = models.ForeignKey(Session, null=True, blank=True, on_delete=models.SET_NULL)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    endpoint = models.CharField(max_length=200)
    model = models.CharField(max_length=200, blank=True)
    attempt = models.PositiveIntegerField(default=1)
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    tokens_estimated = models.BooleanField(default=False)
    cost_usd = models.DecimalField(null=True, blank=True, max_digits=14, decimal_places=8)
    latency_ms = models.FloatField(null=True, blank=True)
    outcome = models.CharField(max_length=40)
    """completed, or the code of the error."""
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return f"{self.endpoint} {self.outcome}"
