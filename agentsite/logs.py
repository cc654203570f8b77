"""Log records as JSON, one line each, or as lines for people; both carry what they belong to: a request, a run."""

import json
import logging
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sessions_app import log_context

TRACE = 5
LEVELS = {
    "TRACE": TRACE,
    "DEBUG": logging.DEBUG,
    "INFO": logging.INFO,
    "WARN": logging.WARNING,
    "WARNING": logging.WARNING,
    "ERROR": logging.ERROR,
    "FATAL": logging.CRITICAL,
    "CRITICAL": logging.CRITICAL,
}
NAMES = {TRACE: "TRACE", logging.WARNING: "WARN", logging.CRITICAL: "FATAL"}
"""Where a level's name in JSON is not Python's own."""

STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
FIELDS = ("request_id", "task_id", "session_id", "agent_name", "endpoint", "status_code", "duration_ms")
"""Members of a JSON line that have a place of their own, where they are known."""
IDS = {"executionId": "task_id", "agentId": "agent_name", "userId": "user_id"}

logging.addLevelName(TRACE, "TRACE")


def goes_to_stdout(command: Sequence[str]) -> bool:
    """Whether a process is the site or a worker: their output is their log. A command's output is its result."""
    return command[1:2] == ["serve"] or any("celery" in part for part in command[:3])


def stream_of(log_format: str) -> str:
    """Where the log of this process goes, as logging's configuration names it."""
    is_stdout = log_format == "json" and goes_to_stdout(sys.orig_argv[1:])
    return "ext://sys.stdout" if is_stdout else "ext://sys.stderr"


def _context(record: logging.LogRecord) -> dict[str, Any]:
    """What the caller gave as extra, and the id of the request that it happened in."""
    found = {name: value for name, value in vars(record).items() if name not in STANDARD and name != "request"}
    if (request_id := log_context.fields().get("request_id")) is not None:
        found.setdefault("request_id", request_id)
    return found


class JsonFormatter(logging.Formatter):
    """{timestamp, level, logger, message, request_id?, task_id?, …, context, metadata, traceId?, exception?}."""

    def format(self, record: logging.LogRecord) -> str:
        context, bound = _context(record), log_context.fields()
        known = {**bound, **context}
        line: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": NAMES.get(record.levelno, record.levelname),
            "logger": record.name,
            "message": record.getMessage(),
            **{name: known[name] for name in FIELDS if known.get(name) is not None},
            "context": {**{name: bound[of] for name, of in IDS.items() if of in bound}, **context},
            "metadata": _metadata(known),
        }
        if trace := known.get("request_id") or known.get("task_id"):
            line["traceId"] = trace
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def _metadata(known: Mapping[str, Any]) -> dict[str, Any]:
    """How long it took and whether it went well, of what has an end."""
    found: dict[str, Any] = {}
    if known.get("duration_ms") is not None:
        found["durationMs"] = known["duration_ms"]
    if isinstance(known.get("status_code"), int):
        found["success"] = known["status_code"] < 400
    elif isinstance(known.get("success"), bool):
        found["success"] = known["success"]
    return found


class LineFormatter(logging.Formatter):
    """One readable line, with the context at its end."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name} {message}", style="{")

    def formatMessage(self, record: logging.LogRecord) -> str:  # the name is logging's
        pairs = " ".join(f"{name}={value}" for name, value in _context(record).items())
        line = super().formatMessage(record)
        return f"{line} [{pairs}]" if pairs else line
