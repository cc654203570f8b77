"""What can go wrong with requests and proposals: one class per cause, each with a stable code."""

from collections.abc import Sequence
from uuid import UUID

from sessions_app.errors import DomainError, NotFound


class RefineError(DomainError):
    """The root of this app's errors that are the caller's to mend."""

    code = "refine_error"


# Asking -------------------------------------------------------------------------------------------


class InstructionEmpty(RefineError):
    """Raised when a request says nothing."""

    code = "instruction_empty"

    def __init__(self) -> None:
        super().__init__("The instruction is empty; say in a few words what is to be done with the document.")


class InstructionTooLong(RefineError):
    """Raised when a request says more than is read."""

    code = "instruction_too_long"

    def __init__(self, *, length: int, limit: int) -> None:
        super().__init__(
            f"The instruction has {length:,} characters, at most {limit:,} are read; "
            "shorten it, or put long material into the document."
        )


class UnknownIntent(RefineError):
    """Raised when a request names an intent that no graph serves."""

    code = "unknown_intent"

    def __init__(self, intent: str, known: Sequence[str]) -> None:
        super().__init__(f"There is no intent {intent!r}; expected one of {', '.join(map(repr, known))}.")


class GraphNotExpected(RefineError):
    """Raised when a request names a graph although its intent works on the document."""

    code = "graph_not_expected"

    def __init__(self, *, graph: str, intent: str) -> None:
        super().__init__(
            f"The graph {graph!r} was given, but the intent {intent!r} works on the session's document; "
            "leave graph out."
        )


class GraphNeeded(RefineError):
    """Raised when a redesign is asked for without a graph, and nothing tells which one."""

    code = "graph_needed"

    def __init__(self, session: UUID) -> None:
        super().__init__(
            f"Which graph is to be redesigned? Give its slug or id as graph; none is drawn in "
            f"session {str(session)!r}, and you have not made exactly one."
        )


class EmptyDocument(RefineError):
    """Raised when there is nothing to work on."""

    code = "empty_document"

    def __init__(self, session: UUID) -> None:
        super().__init__(
            f"The document of session {str(session)!r} is empty; write or paste some code, then ask again."
        )


class ParentElsewhere(RefineError):
    """Raised when a follow-up names a request that its session does not have."""

    code = "parent_not_in_session"

    def __init__(self, *, parent: UUID, session: UUID) -> None:
        super().__init__(
            f"The parent {str(parent)!r} is no request of session {str(session)!r}; "
            "name one of this session's requests, or leave parent out."
        )


# Finding ------------------------------------------------------------------------------------------


class HunkNotFound(NotFound):
    """Raised for a number that the proposal's hunks do not have."""

    def __init__(self, *, proposal: UUID, n: int, count: int) -> None:
        expected = f"expected 1 to {count}" if count else "it has none"
        DomainError.__init__(self, f"The proposal {str(proposal)!r} has no hunk {n}; {expected}.")


# Deciding -----------------------------------------------------------------------------------------


class HunkDecided(RefineError):
    """Raised when a hunk was accepted or rejected before."""

    code = "hunk_decided"

    def __init__(self, *, proposal: UUID, n: int, status: str) -> None:
        super().__init__(
            f"Hunk {n} of proposal {str(proposal)!r} is {status} already; read the proposal again to see who decided."
        )


class ProposalDecided(RefineError):
    """Raised when everything of a proposal is to be decided, and nothing is left."""

    code = "proposal_decided"

    def __init__(self, proposal: UUID, *, hunks: int) -> None:
        left = "every one of its hunks is decided" if hunks else "it changes nothing"
        super().__init__(f"There is nothing left to decide on proposal {str(proposal)!r}: {left}.")


class ProposalSuperseded(RefineError):
    """Raised when a later request's proposal has taken this one's place."""

    code = "proposal_superseded"

    def __init__(self, proposal: UUID) -> None:
        super().__init__(
            f"The proposal {str(proposal)!r} was superseded by a later request's; "
            "decide on the newest proposal instead."
        )


class ReasonTooLong(RefineError):
    """Raised when the reason of a rejection is longer than is kept."""

    code = "reason_too_long"

    def __init__(self, *, length: int, limit: int) -> None:
        super().__init__(f"The reason has {length:,} characters, at most {limit:,} are kept; shorten it.")


# Models, prompts and money ---------------------------------------------------------------------------


class EndpointFieldInvalid(RefineError):
    """Raised when an endpoint is to have a value that it cannot have."""

    code = "endpoint_invalid"

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(
            f"The endpoint's {field} cannot be so: {problem}.",
            errors=[{"pointer": f"/{field}", "code": "invalid", "message": problem}],
        )
        self.field = field


class EndpointTaken(RefineError):
    """Raised when a new endpoint wants a name that another has."""

    code = "endpoint_taken"

    def __init__(self, slug: str) -> None:
        super().__init__(f"There is an endpoint {slug!r} already; choose another slug, or change that one.")


class EndpointIsGiven(RefineError):
    """Raised when an endpoint that comes from the environment or with the product is to be changed or deleted."""

    code = "endpoint_is_given"

    def __init__(self, slug: str) -> None:
        super().__init__(
            f"The endpoint {slug!r} comes with the environment or the product; change it there, or switch it off."
        )


class AmountInvalid(RefineError):
    """Raised when a budget is to be no amount of money, or smaller than what it was."""

    code = "amount_invalid"

    def __init__(self, problem: str) -> None:
        super().__init__(f"The amount cannot be used: {problem}.")


class PromptInvalid(RefineError):
    """Raised when a prompt's text, variables or version cannot be used."""

    code = "prompt_invalid"

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem, errors=[{"pointer": f"/{field}", "code": "invalid", "message": problem}])


class PromptTaken(RefineError):
    """Raised when a prompt or a version of it is there already."""

    code = "prompt_taken"

    def __init__(self, what: str) -> None:
        super().__init__(f"There is {what} already; what is there never changes, so choose another name or version.")


class NothingToRollBack(RefineError):
    """Raised when a label was never anywhere else."""

    code = "nothing_to_roll_back"

    def __init__(self, *, prompt: str, label: str) -> None:
        super().__init__(f"The label {label!r} of prompt {prompt!r} was on no other version before.")


# Ours, not the caller's -----------------------------------------------------------------------------


class EffectRefused(Exception):
    """Raised when a tool asks for a write whose payload cannot be meant: a defect of the tool, not of a person."""

    code = "effect_refused"

    def __init__(self, *, effect: str, problem: str) -> None:
        super().__init__(f"The effect {effect!r} was refused: {problem}.")
