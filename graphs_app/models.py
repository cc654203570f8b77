"""Graphs, their immutable versions, runs, node runs (which are the journal) and interrupts."""

from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models.functions import Coalesce
from django.utils import timezone

from sessions_app.models import Session, new_id


class Graph(models.Model):
    """A drawing of nodes and edges, under a name; what runs is one of its versions."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    slug = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=200)
    version = models.PositiveIntegerField(default=0)
    """The number of the current version."""
    built_in = models.BooleanField(default=False)
    kept_bytes = models.BigIntegerField(default=0)
    """What its versions, its draft and its redesigns hold, as JSON."""
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    deleted_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name


class GraphVersion(models.Model):
    """One immutable form of a graph."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    graph = models.ForeignKey(Graph, on_delete=models.CASCADE, related_name="graph_versions")
    number = models.PositiveIntegerField()
    definition = models.JSONField()
    digest = models.CharField(max_length=64)
    semver = models.CharField(max_length=64, blank=True)
    """What people call it, such as 1.2.0."""
    title = models.CharField(max_length=200, blank=True)
    note = models.TextField(blank=True)
    """What changed, and why."""
    snapshot = models.JSONField(default=dict, blank=True)
    """What it is made of besides its definition, as of its publishing."""
    restored_from = models.PositiveIntegerField(null=True, blank=True)
    """The number of the version that a rollback brought back with this one."""
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["graph", "number"], name="one_version_per_number"),
            models.UniqueConstraint(
                fields=["graph", "semver"], condition=~models.Q(semver=""), name="one_version_per_semver"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.graph} {self.semver or self.number}"


class VersionLayout(models.Model):
    """Where a version is drawn: from the layout of the one before it, which nobody can find out later."""

    version = models.OneToOneField(GraphVersion, on_delete=models.CASCADE, related_name="drawn", primary_key=True)
    layout = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"Layout of {self.version}"


class GraphDraft(models.Model):
    """What people draw before it is published: may be broken, and is replaced as a whole with each saving."""

    graph = models.OneToOneField(Graph, on_delete=models.CASCADE, related_name="draft", primary_key=True)
    definition = models.JSONField(null=True, blank=True)
    """None when nothing is drawn that is not published."""
    revision = models.PositiveIntegerField(default=0)
    """Rises with each saving, publishing and discarding, so that nobody overwrites what they have not seen."""
    base_version = models.PositiveIntegerField(default=0)
    """The version that it began from."""
    session = models.ForeignKey(Session, null=True, blank=True, on_delete=models.SET_NULL, related_name="graph_drafts")
    """Where people draw it together: its members see the graph, its editors change it."""
    updated_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    updated_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"Draft {self.revision} of {self.graph}"


class GraphProposalStatus(models.TextChoices):
    OPEN = "open"
    APPLIED = "applied"


class GraphProposal(models.Model):
    """A redesign of a graph: single changes to what was drawn then, decided one by one, and saved as a draft."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    graph = models.ForeignKey(Graph, on_delete=models.CASCADE, related_name="proposals")
    base = models.JSONField()
    """The definition that the changes are to."""
    base_version = models.PositiveIntegerField()
    """The graph's version then; the base may be a draft after it."""
    past = models.JSONField(default=dict, blank=True)
    """What past runs had measured then, by which changes are decided anew each time."""
    changes = models.JSONField(default=list)
    decisions = models.JSONField(default=dict, blank=True)
    """{"number of a change": "accepted" or "rejected"}."""
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    """Estimates of the base, and of the base with every change."""
    suggested = models.JSONField(default=dict, blank=True)
    """What a model was asked for beyond the rules: {by, note, left_out: [{title, why}]}; empty when none was asked."""
    status = models.CharField(max_length=8, choices=GraphProposalStatus, default=GraphProposalStatus.OPEN)
    run = models.ForeignKey("Run", null=True, blank=True, on_delete=models.SET_NULL, related_name="graph_proposals")
    """The run whose result it is; null when somebody asked on the graph's page."""
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["graph", "created_at"])]

    def __str__(self) -> str:
        return f"Redesign of {self.graph}"


class RunStatus(models.TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


TERMINAL = (RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED)


class Durability(models.TextChoices):
    SYNC = "sync"
    ASYNC = "async"
    EXIT = "exit"


class AtBudget(models.TextChoices):
    ASK = "ask"
    STOP = "stop"


SHARER_OR_NOBODY = Coalesce(
    "user", models.Value(UUID(int=0), output_field=models.UUIDField()), output_field=models.UUIDField()
)
"""Who takes a slot when a run works: see services.sharing."""


class Run(models.Model):
    """One execution of a graph version."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    session = models.ForeignKey(Session, null=True, blank=True, on_delete=models.CASCADE, related_name="runs")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    graph_version = models.ForeignKey(GraphVersion, on_delete=models.PROTECT, related_name="runs")
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.CASCADE, related_name="sub_runs")
    """The run whose node started this one (tools graph and map)."""
    parent_key = models.CharField(max_length=200, blank=True)
    """Which activation (and item) of the parent it belongs to; unique within the parent."""
    forked_from = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="forks")
    only_node = models.CharField(max_length=200, blank=True)
    """The one node of the graph that it runs, by itself; empty when it runs the graph."""
    from_node_run = models.UUIDField(null=True, blank=True)
    """The node run whose saved input that one node runs on. It may be deleted before this run is."""
    edits = models.JSONField(default=dict, blank=True)
    """What people set in the state of a fork: {"checkpoint's number": {key: value}}, in force after that checkpoint."""
    status = models.CharField(max_length=12, choices=RunStatus, default=RunStatus.QUEUED)
    priority = models.SmallIntegerField(default=0)
    durability = models.CharField(max_length=5, choices=Durability, default=Durability.SYNC)
    initial_state = models.JSONField(default=dict)
    state = models.JSONField(null=True, blank=True)
    """The state at the end; until then it is rebuilt from the node runs."""
    error = models.JSONField(null=True, blank=True)
    timeout_s = models.FloatField(null=True, blank=True)
    budget_usd = models.DecimalField(null=True, blank=True, max_digits=12, decimal_places=6)
    at_budget = models.CharField(max_length=4, choices=AtBudget, default=AtBudget.ASK, db_default=AtBudget.ASK)
    """What happens at the end of a budget that holds for it: somebody is asked, or it ends with what there is."""
    dry_run = models.BooleanField(default=False)
    metadata = models.JSONField(default=dict, blank=True)
    """Graph-specific metadata that is injected when the run starts; tools read it."""
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    attempt = models.PositiveIntegerField(default=0)
    """How often a worker has claimed it."""
    crashes = models.PositiveIntegerField(default=0)
    """Leases in a row that ended without progress; too many and the run is poison."""
    claimed_checkpoints = models.PositiveIntegerField(default=0)
    """How many checkpoints there were when it was last claimed; more of them since is progress."""
    journaled = models.PositiveBigIntegerField(default=0)
    """How many of its journal's entries are stored: tells a writer whether a commit that it lost sight of happened."""
    lease_owner = models.CharField(max_length=120, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    lease_epoch = models.PositiveBigIntegerField(default=0)
    queued_at = models.DateTimeField(default=timezone.now)
    """When its id was last given to the broker; the sweeper sends it again when this is old."""
    wake_at = models.DateTimeField(null=True, blank=True)
    """When a run that only waits, and that no worker holds meanwhile, is queued again; null for all others."""
    awaits = models.TextField(default="", blank=True)
    """What it waits for until then, as names of `awaited` in their order; it goes on as soon as one has room."""
    rests = models.JSONField(default=dict, blank=True)
    """{"activation": {"attempt", "next_at", "left_s"}}: where its node runs stood when it was last let go to wait."""
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    checkpoints = models.PositiveIntegerField(default=0)
    """How many node runs are journaled as done."""
    kept_bytes = models.BigIntegerField(default=0)
    """What it takes of the disk, its sub-runs not among it: states, writes, texts, events. Lags a little while it runs.
    """
    worked_ms = models.PositiveBigIntegerField(default=0)
    """How long workers have worked on it, over all claims; waiting in the queue or for people does not count."""
    is_followed = models.BooleanField(default=False)
    """Whether somebody outside any session is to be woken by what its journal says."""
    progress_total = models.PositiveIntegerField(null=True, blank=True)
    prompt_tokens = models.PositiveBigIntegerField(default=0)
    completion_tokens = models.PositiveBigIntegerField(default=0)
    cost_usd = models.DecimalField(null=True, blank=True, max_digits=14, decimal_places=8)

    class Meta:
        indexes = [
            models.Index(fields=["status", "priority", "created_at"]),
            models.Index(fields=["status", "lease_until"]),
            models.Index(fields=["session", "created_at"]),
            models.Index(fields=["user", "created_at"]),
            models.Index(fields=["user", "status"]),
            models.Index(
                fields=["lease_owner"],
                name="runs_to_cancel",
                condition=models.Q(cancel_requested_at__isnull=False, status="running"),
            ),
            models.Index(
                SHARER_OR_NOBODY,
                models.F("priority").desc(),
                "created_at",
                name="runs_waiting",
                condition=models.Q(status="queued", parent__isnull=True),
            ),
            models.Index(fields=["wake_at"], name="runs_to_wake", condition=models.Q(wake_at__isnull=False)),
            models.Index(
                fields=["awaits", "wake_at"],
                name="runs_that_await",
                condition=models.Q(wake_at__isnull=False) & ~models.Q(awaits=""),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["parent", "parent_key"],
                condition=models.Q(parent__isnull=False),
                name="one_sub_run_per_activation",
            )
        ]

    def __str__(self) -> str:
        return f"{self.graph_version} ({self.status})"


PARKED = models.Q(status=RunStatus.RUNNING, wake_at__isnull=False)
"""Runs that only wait, and that no worker holds until they wake."""
IDLE = models.Q(status__in=(RunStatus.QUEUED, RunStatus.INTERRUPTED)) | PARKED
"""Runs that nobody works on, and that are not over."""


class NodeRunStatus(models.TextChoices):
    STARTED = "started"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"


SKIPPED_FROM = 1 << 30
"""A node that is skipped never becomes active, so the planner has no number for it: it is numbered by its place in the
definition from here on, after all that ran."""


def skipped_activation(node: int) -> int:
    """The number of a skipped node's row, by the node's place in the definition."""
    return SKIPPED_FROM + node


VARIANT_BITS = 0b10 << 62
LOW_BITS = (1 << 62) - 1


def node_run_id(run_id: UUID, activation: int) -> UUID:
    """The id of a node run, known before its row exists: the run's id moved on by the activation.

    The upper half, which holds the time, stays, so that the rows of a run lie together in the index.
    """
    number = run_id.int
    low = (number + activation + 1) & LOW_BITS
    return UUID(int=(number >> 64 << 64) | VARIANT_BITS | low)


class NodeRun(models.Model):
    """One execution of a node in a run: the journal's row. One that has a number is a checkpoint.

    A step is one of these rows, so the database checks nothing of it that the journal knows already: that its numbers
    are not negative, and that its run exists, whose row each of the journal's statements locks and reads. Those checks
    cost PostgreSQL half of what it took to insert a row.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    run = models.ForeignKey(
        Run, on_delete=models.CASCADE, related_name="node_runs", db_index=False, db_constraint=False
    )
    """Its index is that of the constraint on run and activation; one index less is written by every step. What is left
    when a run's row goes, goes with it by a trigger (migration 0008)."""
    activation = models.IntegerField()
    """The planner's number for this execution of the node; the same after a crash, so unique in the run. From
    SKIPPED_FROM on: one that was skipped."""
    number = models.IntegerField(null=True, blank=True)
    """The checkpoint's number: the place of its writes in the run's history, from 1."""
    seen = models.IntegerField(default=0)
    """How many checkpoints its input had; the input is rebuilt from these, never stored."""
    node_id = models.CharField(max_length=200)
    tool = models.CharField(max_length=200)
    status = models.CharField(max_length=10, choices=NodeRunStatus, default=NodeRunStatus.STARTED)
    attempt = models.IntegerField(default=1)
    writes = models.JSONField(null=True, blank=True)
    edges_taken = models.JSONField(null=True, blank=True)
    """Indexes into the definition's edges, in the order taken."""
    error = models.JSONField(null=True, blank=True)
    text = models.TextField(blank=True, default="")
    """What it streamed, as far as it is kept."""
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    duration_ms = models.FloatField(null=True, blank=True)
    endpoint = models.CharField(max_length=200, blank=True)
    prompt_tokens = models.IntegerField(default=0)
    completion_tokens = models.IntegerField(default=0)
    cost_usd = models.DecimalField(null=True, blank=True, max_digits=14, decimal_places=8)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "activation"], name="one_node_run_per_activation"),
        ]

    def __str__(self) -> str:
        return f"{self.node_id} ({self.status})"


class NodeAttempt(models.Model):
    """One attempt of a node run that failed and was made again. Written once; the last attempt is the node run's row.

    As with node runs, the journal has locked the run's row, and what is left when that goes, goes by its trigger.
    """

    run = models.ForeignKey(
        Run, on_delete=models.CASCADE, related_name="node_attempts", db_index=False, db_constraint=False
    )
    activation = models.IntegerField()
    node_id = models.CharField(max_length=200)
    tool = models.CharField(max_length=200)
    attempt = models.IntegerField()
    seen = models.IntegerField(default=0)
    """How many checkpoints its input had."""
    error = models.JSONField()
    text = models.TextField(blank=True, default="")
    """What it streamed, as far as it is kept."""
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    """Null for one that was lost with its worker."""
    duration_ms = models.FloatField(null=True, blank=True)
    endpoint = models.CharField(max_length=200, blank=True)
    prompt_tokens = models.IntegerField(default=0)
    completion_tokens = models.IntegerField(default=0)
    cost_usd = models.DecimalField(null=True, blank=True, max_digits=14, decimal_places=8)

    class Meta:
        constraints = [
            # With the time: a run that a person answers begins to count a node's attempts anew.
            models.UniqueConstraint(
                fields=["run", "activation", "attempt", "started_at"], name="one_record_per_attempt"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.node_id}, attempt {self.attempt}"


class InterruptStatus(models.TextChoices):
    WAITING = "waiting"
    ANSWERED = "answered"
    EXPIRED = "expired"
    DROPPED = "dropped"


class Interrupt(models.Model):
    """A pause for a person."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="interrupts")
    activation = models.PositiveIntegerField()
    node_id = models.CharField(max_length=200)
    question = models.TextField()
    schema = models.JSONField(null=True, blank=True)
    default = models.JSONField(null=True, blank=True)
    has_default = models.BooleanField(default=False)
    status = models.CharField(max_length=10, choices=InterruptStatus, default=InterruptStatus.WAITING)
    value = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True, db_index=True)
    answered_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "activation"], name="one_interrupt_per_activation")]

    def __str__(self) -> str:
        return f"{self.node_id} asks {self.question[:60]!r}"


class WorkerHeartbeat(models.Model):
    """A worker process that was alive at seen_at."""

    name = models.CharField(max_length=120, primary_key=True)
    seen_at = models.DateTimeField(db_index=True)
    started_at = models.DateTimeField()
    running = models.PositiveIntegerField(default=0)
    draining = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.name
