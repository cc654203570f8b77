"""Secrets in texts that are kept: those that the site itself has, and what by its form can be nothing else."""

import re
from collections.abc import Iterable

MASK = "[secret]"
SHORTEST = 8
"""A shorter secret would be found in words that are none."""

FORMS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("hf_", re.compile(r"\bhf_[A-Za-z0-9]{16,}")),
    ("sk-", re.compile(r"\bsk-[A-Za-z0-9_-]{16,}")),
    ("gh", re.compile(r"\bgh[pousr]_[A-Za-z0-9_]{20,}")),
    ("github_pat_", re.compile(r"\bgithub_pat_[A-Za-z0-9_]{20,}")),
    ("glpat-", re.compile(r"\bglpat-[A-Za-z0-9_-]{16,}")),
    ("xox", re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{10,}")),
    ("gsk_", re.compile(r"\bgsk_[A-Za-z0-9]{16,}")),
    ("tvly-", re.compile(r"\btvly-[A-Za-z0-9_-]{16,}")),
    ("AKIA", re.compile(r"\bAKIA[0-9A-Z]{16}\b")),
    ("AIza", re.compile(r"\bAIza[0-9A-Za-z_-]{35}")),
    (
        "eyJ",
        re.compile(r"(?<![\w-])(?=[\w-]*eyJ[\w-]{8})[\w-]++\.eyJ[\w-]{8,}+\.[\w-]{8,}+", re.ASCII),
    ),
    ("://", re.compile(r"(?<=://)[^\s/:@'\"]{1,200}:[^\s/@'\"]{1,200}(?=@)")),
    (
        "PRIVATE KEY",
        # What is between has no five dashes, so that each key is looked through once.
        re.compile(r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----[^-]*+(?:-(?!----)[^-]*+)*-----END [A-Z ]{0,20}KEY-----"),
    ),
)  # fmt: skip
"""What must be in a text for a form to be looked for, which is quick to see, and the form."""


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """The text with a mask in the place of each secret."""
    for secret in secrets:
        if len(secret) >= SHORTEST and secret in text:
            text = text.replace(secret, MASK)
    for mark, form in FORMS:
        if mark in text:
            text = form.sub(MASK, text)
    return text
