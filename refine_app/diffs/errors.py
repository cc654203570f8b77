"""What can be wrong with a diff or a model's answer."""


class DiffError(Exception):
    """Base of this package's errors."""

    code = "diff_error"


class HunkMismatch(DiffError):
    """Raised when a hunk is applied to a text that it was not made for."""

    code = "hunk_mismatch"

    def __init__(self, header: str, line: int, expected: str, found: str) -> None:
        super().__init__(
            f"Hunk {header!r} expects {expected.rstrip()!r} in line {line}, where the text has {found.rstrip()!r}; "
            "apply it to the revision that it was made for."
        )


class GivenDiffWrong(DiffError):
    """Raised when a diff does not turn the one text into the other."""

    code = "given_diff_wrong"


class AnswerError(DiffError):
    """Raised when no new text can be read out of a model's answer; the message tells the model what to do better."""

    code = "invalid_output"

    def __init__(self, message: str, answer: str = "") -> None:
        super().__init__(message)
        self.excerpt = excerpt(answer)


class EmptyAnswer(AnswerError):
    """Raised when a model said nothing."""


class RefusedAnswer(AnswerError):
    """Raised when a model declined, or talked without giving code."""


class CutOffAnswer(AnswerError):
    """Raised when an answer ends in the middle of its code."""


class ElidedAnswer(AnswerError):
    """Raised when a model left lines out and wrote a remark in their place."""


class AmbiguousAnswer(AnswerError):
    """Raised when an answer can be read in more than one way, or gives a part whose place is not certain."""


class AnswerTooLong(AnswerError):
    """Raised when an answer is longer than any text that would be taken."""


class DiffDoesNotApply(AnswerError):
    """Raised when a model's diff is malformed or is of another text."""


def excerpt(text: str, length: int = 300) -> str:
    """The beginning of a text, fit for a message: printable, in one line."""
    shown = "".join(c if c.isprintable() else " " for c in text[: length * 2])
    shown = " ".join(shown.split())
    return shown if len(shown) <= length else shown[:length] + "…"
