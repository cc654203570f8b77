"""How much of everything there may be."""

from dataclasses import dataclass

MAX_NODES = 10_000
MAX_EDGES = 50_000
MAX_NAME = 200
"""Characters in a node's id, a tool's name, a state key or a graph's name."""
MAX_DEPTH = 64
"""Levels of nesting in a definition, in a state or in a write."""
MAX_DEFINITION_BYTES = 4 * 1024 * 1024
MAX_STATE_BYTES = 4 * 1024 * 1024
MAX_TEXT = 1_000_000
"""Characters that are kept of what a node run streams."""
MAX_NESTING = 20
"""Levels of sub-graphs; for hosts."""
MAX_QUESTION = 10_000
"""Characters of a question to a person."""
MAX_FORM_BYTES = 100_000
"""Of a question's schema, and of its default: they are sent to everybody who may answer."""
MAX_RETRY_AFTER_S = 3600.0
"""An endpoint that asks for a longer pause fails the attempt for good."""
MAX_PATTERN = 1000
"""Characters of a pattern that somebody wrote."""
MAX_PATTERN_MEMORY = 512 * 1024
"""Bytes that its program takes."""
MAX_SCHEMA_PARTS = 2000
"""Schemas within a JSON Schema, itself counted."""
MAX_SCHEMA_DEPTH = 50
MAX_SCHEMA_REFERENCES = 500
MAX_SCHEMA_PATTERNS = 50
MAX_CHECK_STEPS = 50_000
"""What checking one value against a JSON Schema may cost: keywords applied and values compared, a few microseconds
each."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may take."""

    max_state_bytes: int = MAX_STATE_BYTES
    max_text: int = MAX_TEXT
    max_steps: int = 100_000
    """Node runs of a run and its sub-runs."""
    max_kept_bytes: int = 64_000_000
    """What a run and its sub-runs write down in all their life: states, writes, texts, events."""
    max_sub_runs: int = 5000
    """At all depths."""
    max_nesting: int = MAX_NESTING
    max_items: int = 1000
    """Of one map."""
    max_pending_bytes: int = 1_000_000
    """What a run that is not durable at each step may have in memory before it has to be written down."""
    max_parallel: int = 1000
    """Node runs of one run that are under way at once; the others wait for their turn."""
    cancel_grace_s: float = 5.0
    """How long a tool that was told to stop may take to do so before it is left behind."""
    max_blocked_s: float = 10.0
    """A tool that keeps the event loop from working for longer fails, where a Watchdog looks on."""


DEFAULT_LIMITS = Limits()
