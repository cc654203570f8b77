"""Every way in which graphs and runs refuse or fail; each has a stable code, which decides the HTTP status."""

from sessions_app.errors import DomainError

# What somebody asked for is not there, or is not theirs to see.


class SnapshotNotFound(DomainError):
    """Raised when no version of the graph has this snapshot."""

    code = "snapshot_not_found"


class GraphNotFound(DomainError):
    """Raised when no graph, or no version of it, has this id or slug."""

    code = "graph_not_found"


class RunNotFound(DomainError):
    """Raised when there is no such run, or the asker may not see it."""

    code = "run_not_found"


class CheckpointNotFound(DomainError):
    """Raised when a run has no checkpoint of this number."""

    code = "checkpoint_not_found"


class InterruptNotFound(DomainError):
    """Raised when a run has no interrupt of this id."""

    code = "interrupt_not_found"


class GraphProposalNotFound(DomainError):
    """Raised when there is no such graph proposal, or its graph is not the asker's to see."""

    code = "graph_proposal_not_found"


class ChangeNotFound(DomainError):
    """Raised when a graph proposal has no change of this number."""

    code = "change_not_found"


# What somebody sent does not fit.


class InvalidGraph(DomainError):
    """Raised when a definition cannot be saved or run; it lists every problem at once."""

    code = "invalid_graph"


class InvalidVersionNumber(DomainError):
    """Raised when a version's number is not a semantic one, or does not come after those there are."""

    code = "invalid_version_number"


class InvalidImport(DomainError):
    """Raised when what is imported is none of the forms that are understood, or is broken."""

    code = "invalid_import"


class PictureUnavailable(DomainError):
    """Raised when a graph is too large to be drawn as a picture."""

    code = "picture_unavailable"


class CannotGroup(DomainError):
    """Raised when nodes cannot become a sub-graph, or a node that runs one cannot be taken apart."""

    code = "cannot_group"


class GraphTooLarge(DomainError):
    """Raised when a graph has more nodes than can be redesigned while somebody waits."""

    code = "graph_too_large"


class InvalidState(DomainError):
    """Raised when an initial or an edited state is not a JSON object within its limit."""

    code = "invalid_state"


class RunTimeTooLong(DomainError):
    """Raised when a run asks for more time than a run may take here."""

    code = "run_time_too_long"


class InvalidAnswer(DomainError):
    """Raised when the answer to an interrupt does not fit the interrupt's schema."""

    code = "invalid_answer"


class NodeNotInVersion(DomainError):
    """Raised when a node is to be run by itself on a graph version that does not have it."""

    code = "node_not_in_version"


class RetryBlocked(DomainError):
    """Raised when what a failed run has done cannot be reused on the graph version named."""

    code = "retry_blocked"


# What no longer fits the state of things.


class SlugTaken(DomainError):
    """Raised when a graph of another person, or a built-in one, has the slug."""

    code = "slug_taken"


class VersionTaken(DomainError):
    """Raised when a graph has a version of this number already."""

    code = "version_taken"


class StaleDraft(DomainError):
    """Raised when somebody saves or publishes a draft that another has changed since."""

    code = "stale_draft"


class NothingToPublish(DomainError):
    """Raised when a draft is published that is no different from the current version, or is not there."""

    code = "nothing_to_publish"


class ChangeBlocked(DomainError):
    """Raised when a change cannot be accepted without others, or not rejected while others that need it are."""

    code = "change_blocked"


class GraphProposalOver(DomainError):
    """Raised when a graph proposal that is decided upon was saved as a draft before."""

    code = "graph_proposal_over"


class GraphChanged(DomainError):
    """Raised when a graph proposal is to be saved, and what is drawn is no longer what it is to change."""

    code = "graph_changed"


class GraphIsBuiltIn(DomainError):
    """Raised when somebody changes or deletes a graph that comes with the site."""

    code = "graph_is_built_in"


class NotYourGraph(DomainError):
    """Raised when somebody changes or deletes another person's graph."""

    code = "not_your_graph"


class RunFinished(DomainError):
    """Raised when a run that is to be changed has already come to its end."""

    code = "run_finished"


class RunNotFinished(DomainError):
    """Raised when something needs a run that is at its end, and it is not."""

    code = "run_not_finished"


class RunNotFailed(DomainError):
    """Raised when a run that is to be retried has not failed."""

    code = "run_not_failed"


class InterruptAnswered(DomainError):
    """Raised when an interrupt no longer waits for an answer."""

    code = "interrupt_answered"


# What goes wrong while a run is executed.


class EffectFailed(DomainError):
    """Raised into a run when the write outside it that its node asked for could not be made."""

    code = "effect_failed"


class UnknownEffect(DomainError):
    """Raised when a tool asks for an effect that no app has registered."""

    code = "unknown_effect"


class JournalRefused(DomainError):
    """Raised into a run when the database refuses what it wants to write; other runs are not touched."""

    code = "journal_refused"


class JournalClosed(DomainError):
    """Raised when something is written to a journal whose worker has stopped."""

    code = "journal_closed"


# What whoever runs the site has switched off.


class CostTrackingOff(DomainError):
    """Raised when a budget is to be set where COST_TRACKING_ENABLED is off: nothing could be held to it."""

    code = "cost_tracking_off"

    def __init__(self) -> None:
        super().__init__(
            "No budget can be set: this site does not track costs (COST_TRACKING_ENABLED is off). Nothing was changed; "
            "leave the budget out."
        )


class VersioningOff(DomainError):
    """Raised when a snapshot is asked for, or a rollback, where VERSIONING_ENABLED is off."""

    code = "versioning_off"

    def __init__(self) -> None:
        super().__init__(
            "This site keeps no snapshots and rolls nothing back (VERSIONING_ENABLED is off). Nothing was changed."
        )
