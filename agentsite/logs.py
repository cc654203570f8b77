"""Log records as JSON, one line each, or as lines for people; both carry the request's id."""

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

request_id: ContextVar[str] = ContextVar("request_id", default="")

STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def _context(record: logging.LogRecord) -> dict[str, Any]:
    """What the caller gave as extra, and the id of the request that it happened in."""
    found = {name: value for name, value in vars(record).items() if name not in STANDARD and name != "request"}
    if request_id.get() and "request_id" not in found:
        found["request_id"] = request_id.get()
    return found


class JsonFormatter(logging.Formatter):
    """{timestamp, level, logger, message, context, exception?} on one line."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "context": _context(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


class LineFormatter(logging.Formatter):
    """One readable line, with the context at its end."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name} {message}", style="{")

    def formatMessage(self, record: logging.LogRecord) -> str:  # the name is logging's
        pairs = " ".join(f"{name}={value}" for name, value in _context(record).items())
        line = super().formatMessage(record)
        return f"{line} [{pairs}]" if pairs else line
