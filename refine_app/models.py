"""Requests, proposals with their hunks, and the ledger of model calls."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from graphs_app.models import Run
from sessions_app.models import Document, Session, new_id


class Intent(models.TextChoices):
    REFINE_CODE = "refine_code"
    CODE_REVIEW = "code_review"
    REFINE_PROMPT = "refine_prompt"
    BUILD = "build"
    ASK = "ask"
    REDESIGN_GRAPH = "redesign_graph"


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
    node_run = models.UUIDField(null=True, blank=True)
    """The node run that made it; its row may go before this one."""
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


class Kind(models.TextChoices):
    HUGGING_FACE = "hugging_face", "Hugging Face router, by model id"
    HUGGING_FACE_ENDPOINT = "hugging_face_endpoint", "dedicated Hugging Face endpoint, by URL"
    OPENAI_COMPATIBLE = "openai_compatible", "any server of the OpenAI chat protocol, by URL"


class Tier(models.TextChoices):
    FAST = "fast"
    BALANCED = "balanced"
    STRONG = "strong"


class ReasoningEffort(models.TextChoices):
    MINIMAL = "minimal"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Endpoint(models.Model):
    """A configured model server. What is measured of it is in an EndpointState, as for those of the environment."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    slug = models.SlugField(max_length=80, unique=True)
    """Its name in graphs, in the ledger and on screens."""
    name = models.CharField(max_length=200, blank=True)
    kind = models.CharField(max_length=30, choices=Kind, default=Kind.OPENAI_COMPATIBLE)
    model = models.CharField(max_length=200, blank=True)
    url = models.CharField(max_length=500, blank=True)
    tier = models.CharField(max_length=10, choices=Tier, default=Tier.BALANCED)
    context_tokens = models.PositiveIntegerField(default=32_000)
    """How many tokens of question and answer together it can hold."""
    input_usd = models.DecimalField(null=True, blank=True, max_digits=12, decimal_places=6)
    """Dollars for a million tokens read; null when the price is not known, which is not the same as free."""
    output_usd = models.DecimalField(null=True, blank=True, max_digits=12, decimal_places=6)
    max_concurrency = models.PositiveIntegerField(null=True, blank=True)
    requests_per_minute = models.PositiveIntegerField(null=True, blank=True)
    tokens_per_minute = models.PositiveIntegerField(null=True, blank=True)
    timeout_s = models.FloatField(default=120.0)
    idle_timeout_s = models.FloatField(default=30.0)
    thinking_tokens = models.PositiveIntegerField(null=True, blank=True)
    """Tokens asked for beyond the answer's because thoughts are counted with it; null: as many as is learnt."""
    reasoning_effort = models.CharField(max_length=10, blank=True, choices=ReasoningEffort)
    """How long the model is to think, where it offers the choice; empty leaves it to the server."""
    secret = models.CharField(max_length=100, blank=True)
    """The name of the environment's variable that holds its token; never the token."""
    enabled = models.BooleanField(default=True)
    built_in = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.slug


class EndpointState(models.Model):
    """How an endpoint does: its circuit breaker and what was measured, shared by all workers."""

    slug = models.CharField(primary_key=True, max_length=80)
    failures = models.PositiveIntegerField(default=0)
    """In a row."""
    opened_at = models.DateTimeField(null=True, blank=True)
    """Since when the breaker is open; null while it is closed."""
    probe_until = models.DateTimeField(null=True, blank=True)
    """Until when one call is under way that tries whether it may close again."""
    forced = models.CharField(max_length=6, blank=True, choices=[("open", "open"), ("closed", "closed")])
    """What an operator set; empty leaves it to what happens."""
    rests_until = models.DateTimeField(null=True, blank=True)
    """Until when it has asked not to be called (Retry-After)."""
    last_error = models.TextField(blank=True)
    last_failed_at = models.DateTimeField(null=True, blank=True)
    last_completed_at = models.DateTimeField(null=True, blank=True)
    latency_ms = models.FloatField(null=True, blank=True)
    """To the first words, smoothed over the last calls."""
    quirks = models.JSONField(default=dict, blank=True, db_default={})
    """How its server differs from the protocol, as calls have learnt (model_clients.quirks)."""

    def __str__(self) -> str:
        return self.slug


class BudgetScope(models.TextChoices):
    SESSION = "session"
    USER = "user"
    GRAPH = "graph"
    SITE = "site"


class BudgetPeriod(models.TextChoices):
    DAY = "day"
    TOTAL = "total"


class Budget(models.Model):
    """What may be spent at most; a run's own is its budget_usd."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    scope = models.CharField(max_length=10, choices=BudgetScope)
    subject = models.UUIDField(null=True, blank=True)
    """The session, user or graph; null for the whole site, and as a default for each of them."""
    period = models.CharField(max_length=10, choices=BudgetPeriod, default=BudgetPeriod.TOTAL)
    limit_usd = models.DecimalField(max_digits=12, decimal_places=6)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["scope", "subject", "period"], name="one_budget_per_subject"),
            models.UniqueConstraint(
                fields=["scope", "period"], condition=models.Q(subject__isnull=True), name="one_budget_for_all"
            ),
        ]

    def __str__(self) -> str:
        return f"${self.limit_usd} a {self.period} for {self.scope} {self.subject or 'each'}"


class Prompt(models.Model):
    """A named template."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.SlugField(max_length=80, unique=True)
    description = models.TextField(blank=True)
    built_in = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class PromptVersion(models.Model):
    """One immutable text of a prompt."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, related_name="versions")
    major = models.PositiveIntegerField(default=1)
    minor = models.PositiveIntegerField(default=0)
    patch = models.PositiveIntegerField(default=0)
    content = models.TextField()
    variables = models.JSONField(default=dict, blank=True)
    """By name: {type, required, default, description}."""
    metadata = models.JSONField(default=dict, blank=True)
    built_in = models.BooleanField(default=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-major", "-minor", "-patch"]
        constraints = [
            models.UniqueConstraint(fields=["prompt", "major", "minor", "patch"], name="one_text_per_prompt_version")
        ]

    def __str__(self) -> str:
        return f"{self.prompt.name}@{self.number}"

    @property
    def number(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


class PromptLabel(models.Model):
    """That a label was put on a version; the newest row of a prompt's label says where it is."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, related_name="labels")
    label = models.SlugField(max_length=40)
    """production is what runs use; candidate is what is tried beside it."""
    version = models.ForeignKey(PromptVersion, on_delete=models.CASCADE, related_name="labels")
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    set_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["prompt", "label", "set_at"])]

    def __str__(self) -> str:
        return f"{self.label} of {self.version}"


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
    agent = models.CharField(max_length=100, blank=True)
    prompt_version = models.CharField(max_length=160, blank=True)
    """name@version of the prompt that it was asked with."""
    root_run = models.UUIDField(null=True, blank=True)
    """The run that a person started, of which `run` may be a part; its budget pays for all."""
    graph = models.UUIDField(null=True, blank=True)
    """The graph of that run."""
    attempt = models.PositiveIntegerField(default=1)
    reason = models.TextField(blank=True)
    """Why this endpoint was chosen."""
    input_hash = models.CharField(max_length=64, blank=True)
    reserved_usd = models.DecimalField(null=True, blank=True, max_digits=14, decimal_places=8)
    """What it may cost at most, while it is under way."""
    discarded = models.PositiveIntegerField(default=0)
    """Characters that were streamed and thrown away, because the answer did not come to its end."""
    duplicate = models.BooleanField(default=False)
    """Asked again because a worker died before the first answer was kept."""
    claim = models.PositiveBigIntegerField(default=0)
    """The run's lease epoch when it was made: calls of earlier claims were made by workers that lost the run."""
    accounted = models.BooleanField(default=False)
    """Whether the run's own sums have it."""
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    tokens_estimated = models.BooleanField(default=False)
    cost_usd = models.DecimalField(null=True, blank=True, max_digits=14, decimal_places=8)
    latency_ms = models.FloatField(null=True, blank=True)
    outcome = models.CharField(max_length=40)
    """started while it is under way, then completed, or the code of the error."""
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        indexes = [
            models.Index(fields=["endpoint", "outcome"]),
            models.Index(fields=["session", "created_at"]),
            models.Index(fields=["user", "created_at"]),
            models.Index(fields=["graph", "created_at"]),
            models.Index(fields=["root_run", "input_hash"]),
        ]

    def __str__(self) -> str:
        return f"{self.endpoint} {self.outcome}"


class ModelCallText(models.Model):
    """What was said in a model call, without secrets; it goes with its run, and the ledger's row stays."""

    call = models.OneToOneField(ModelCall, primary_key=True, on_delete=models.CASCADE, related_name="said")
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="+")
    prompt = models.JSONField(default=list)
    """[{role, content}] as it was sent."""
    reply = models.TextField(blank=True)
    """As it was heard, so far or in all."""
    truncated = models.BooleanField(default=False)
    """Whether there was more than is kept."""

    def __str__(self) -> str:
        return f"text of {self.call_id}"
