"""JSON bodies: one object, bounded in size and depth, and nothing in it that a database could not keep."""

from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.parsers import BaseParser

from sessions_app import strict_json
from sessions_app.errors import FieldProblem, Malformed, TooLarge
from sessions_app.services import texts

MAX_DEPTH = 100


class BoundedJSONParser(BaseParser):
    """Parses application/json; raises TooLarge, Malformed or InvalidText, each with what was found."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        return parse_object(_read(stream, declared=_content_length(parser_context)))


def parse_object(body: bytes) -> dict[str, Any]:
    """Reads one JSON object out of bytes that somebody sent."""
    try:
        content = strict_json.loads(body)
    except strict_json.JsonRefused as error:
        faults = [FieldProblem(pointer=error.pointer, code=error.code, message=error.reason)] if error.pointer else []
        raise Malformed(f"The body cannot be taken: {error}.", errors=faults) from error
    if not isinstance(content, dict):
        raise Malformed(f"The body is a JSON {type(content).__name__}; expected an object.")
    _check(content)
    return content


def _content_length(parser_context: Mapping[str, Any] | None) -> int:
    request = (parser_context or {}).get("request")
    declared = request.META.get("CONTENT_LENGTH") if request is not None else None
    return int(declared) if declared and str(declared).isdigit() else 0


def _read(stream: IO[Any], *, declared: int) -> bytes:
    limit = settings.REQUEST_BODY_MAX_BYTES
    if declared > limit:
        raise TooLarge(what="body", size=declared, limit=limit)
    body: bytes = stream.read(limit + 1)
    if len(body) > limit:
        raise TooLarge(what="body", size=None, limit=limit)
    return body


def _check(content: dict[str, Any]) -> None:
    """Looks at every string and at the depth; without recursion, because the body is a stranger's."""
    waiting: list[tuple[Any, str, int]] = [(content, "", 1)]
    while waiting:
        value, pointer, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise Malformed(f"The body is nested too deeply; at most {MAX_DEPTH} levels are read.")
        if isinstance(value, str):
            texts.check(value, pointer=pointer)
        elif isinstance(value, dict):
            for key, inner in value.items():
                texts.check(key, pointer=pointer)
                waiting.append((inner, f"{pointer}/{strict_json.escape(key)}", depth + 1))
        elif isinstance(value, list):
            waiting.extend((inner, f"{pointer}/{at}", depth + 1) for at, inner in enumerate(value))
