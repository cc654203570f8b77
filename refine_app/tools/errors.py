"""What keeps a tool from doing its work."""

from graphs_app.engine.errors import PermanentError


class AnalysisSkipped(Exception):
    """Raised when a text cannot be analysed; the message is the reason, fit for a person."""

    code = "analysis_skipped"


class InvalidOutput(PermanentError):
    """Raised when a model never gave a text that passes its checks, with what the last one failed."""

    code = "invalid_output"


class ModelNeeded(PermanentError):
    """Raised when a tool can do nothing without a model, and none is configured."""

    code = "model_needed"


class UnknownTaskType(PermanentError):
    """Raised when no agent is responsible for a task, or it is not clear enough which."""

    code = "unknown_task_type"
