"""The OpenAPI document, completed: errors as problems, headers, limits, groups and examples.

Django REST framework's serializers say what goes in and comes out; this says what holds for every operation.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from agentsite.openapi_examples import EXAMPLES
from agentsite.problem import CODES, CONTENT_TYPE

Json = dict[str, Any]

METHODS = ("get", "post", "put", "patch", "delete")
UNSAFE = METHODS[1:]

# By the first that fits.
GROUPS: tuple[tuple[str, str], ...] = (
    ("/v1/auth/", "Signing in"),
    ("/v1/me/", "People"),
    ("/v1/invites/", "People"),
    ("/v1/sessions/{session_id}/members", "People"),
    ("/v1/sessions/{session_id}/invit", "People"),
    ("/v1/sessions/{session_id}/document", "Documents"),
    ("/v1/sessions/{session_id}/revisions", "Documents"),
    ("/v1/sessions/{session_id}/requests", "Requests and proposals"),
    ("/v1/sessions/{session_id}/proposals", "Requests and proposals"),
    ("/v1/sessions/{session_id}/estimate", "Models and money"),
    ("/v1/requests", "Requests and proposals"),
    ("/v1/proposals", "Requests and proposals"),
    ("/v1/sessions", "Sessions"),
    ("/v1/runs/{run_id}/budget", "Models and money"),
    ("/v1/runs/{run_id}/node-runs/{node_run_id}/model-calls", "Models and money"),
    ("/v1/runs", "Runs"),
    ("/executions/", "Runs"),
    ("/v1/graph-proposals", "Redesigning graphs"),
    ("/v1/graphs/{key}/redesigns", "Redesigning graphs"),
    ("/v1/graphs", "Graphs"),
    ("/graphs/", "Graphs"),
    ("/v1/tools", "Graphs"),
    ("/v1/prompts", "Prompts"),
    ("/v1/endpoints", "Models and money"),
    ("/v1/model-calls", "Models and money"),
    ("/v1/budgets", "Models and money"),
    ("/v1/agent", "Tasks"),
    ("/v1/tasks", "Tasks"),
    ("/runs", "Tasks"),
    ("/v1/system/", "The site"),
)
OTHER = "Other"
"""Of a path that nobody has put into a group; a test finds it."""
ORDER = (
    "Signing in", "Sessions", "People", "Documents", "Requests and proposals", "Tasks", "Runs", "Graphs",
    "Redesigning graphs", "Prompts", "Models and money", "The site",
)  # fmt: skip

MEANINGS = {
    400: "The request cannot be read: its body is no JSON object, a cursor or a header is none.",
    401: "Nobody is signed in, or the token is no longer valid.",
    403: "The caller may not do this, or holds as much as a quota allows.",
    404: "There is no such thing, or it is not for the caller to see.",
    406: "The answer cannot be given in a form that Accept names.",
    409: "It does not fit what is there by now.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    422: "A field or parameter is not valid, or is none that is read here; `errors` has each with its JSON pointer.",
    429: "Too many requests; `Retry-After` says when to come again.",
    503: "The database does not answer. Nothing was changed.",
}
NO_NUL = "^[^\\u0000]*$"
"""Of every text that is sent: NUL is what no database keeps."""
ONE_STEP = "^[^/\\u0000]+$"
IDEMPOTENCY_KEY = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"}

PROBLEM: Json = {
    "type": "object",
    "description": "An error, as RFC 9457 has it. Some codes come with further members, such as a limit.",
    "required": ["type", "title", "status", "detail", "instance", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "description": "urn:agentsite:problem: and the code."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What happened, what was kept, and what to do next."},
        "instance": {"type": "string", "description": "The path that was asked."},
        "code": {"type": "string", "enum": sorted({code for codes in CODES.values() for code in codes})},
        "request_id": {"type": "string", "description": "Under which the site has noted it."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "message"],
                "properties": {
                    "pointer": {"type": "string", "description": "RFC 6901, into the body, or a query's parameter."},
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                },
            },
        },
    },
}
HEADERS: dict[str, Json] = {
    "RequestId": {"description": "What the site's log calls this request.", "schema": {"type": "string"}},
    "RetryAfter": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 0}},
    "Location": {"description": "Where what was made is found.", "schema": {"type": "string"}},
    "RateLimit": {"description": "What is left of each rate.", "schema": {"type": "string"}},
    "RateLimitPolicy": {"description": "The rates that hold.", "schema": {"type": "string"}},
    "IdempotentReplayed": {"description": "`true` on an answer given before.", "schema": {"type": "string"}},
}


def complete(result: Json, generator: Any, request: Any, public: bool) -> Json:
    """A postprocessing hook of drf-spectacular; changes the document and returns it."""
    schemas = result["components"]["schemas"]
    schemas["Problem"] = PROBLEM
    schemas["Versioned"] = {"type": "object", "properties": {"api_version": {"type": "string"}}}
    result["components"]["headers"] = HEADERS
    result["tags"] = [{"name": name} for name in ORDER]
    for path, method, operation in _operations(result):
        operation["tags"] = [next((group for start, group in GROUPS if path.startswith(start)), OTHER)]
        _complete_parameters(operation)
        _complete_answers(path, method, operation)
        _add_example(path, operation)
    for name in _sent(result):
        _close(schemas[name])
    return result


def _operations(result: Json) -> Iterator[tuple[str, str, Json]]:
    for path, item in result["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def _complete_parameters(operation: Json) -> None:
    for one in operation.get("parameters", ()):
        schema = one["schema"]
        schema.pop("nullable", None)  # there is no null in a path or a query: it is left out
        match one["in"], one["name"]:
            case "header", "Idempotency-Key":
                one["schema"] = dict(IDEMPOTENCY_KEY)
            case "query", "limit" if "minimum" not in schema:
                schema |= {"minimum": 1, "default": 50}
                one["description"] = "How many; at most 200 are given, whatever is asked."
            case "query", "cursor":
                one["description"] = "As `next` or `previous` of a page has it; no other is read."
            case "path", _ if _is_free_text(schema):
                schema["pattern"] = ONE_STEP
            case "query", _ if _is_free_text(schema):
                schema["pattern"] = NO_NUL


def _complete_answers(path: str, method: str, operation: Json) -> None:
    answers = operation["responses"]
    for status, answer in answers.items():
        answer["headers"] = {"X-Request-ID": _header("RequestId"), **answer.get("headers", {})}
        if status in ("201", "202"):
            answer["headers"].setdefault("Location", _header("Location"))
        if any(one["name"] == "Idempotency-Key" for one in operation.get("parameters", ())):
            answer["headers"]["Idempotent-Replayed"] = _header("IdempotentReplayed")
        answer["description"] = answer["description"] or operation["summary"]
        content = answer.get("content", {}).get("application/json")
        if content is not None and "$ref" in content["schema"]:
            content["schema"] = {"allOf": [content["schema"], _ref("Versioned")]}
    for status in _failing(path, method, operation):
        answers[str(status)] = _problem(MEANINGS[status], status)
    answers["default"] = _problem("Any other error.", None)


def _failing(path: str, method: str, operation: Json) -> list[int]:
    """The errors that an operation can answer with, besides those that any server has."""
    has_body, parameters = "requestBody" in operation, operation.get("parameters", ())
    has_query = any(one["in"] == "query" for one in parameters)
    found = [403, 406, 422, 429, 503]  # 422 for a parameter that there is not
    if {} not in operation.get("security", [{}]) or path.startswith("/v1/auth/"):
        found.append(401)
    if "{" in path or has_query or method in UNSAFE:
        found.append(404)
    if has_body or has_query or method in UNSAFE:
        found.append(400)
    if has_body or method in UNSAFE:
        found += [413, 415]
    if method in UNSAFE or path.endswith("/retry"):  # whose plan is only for a run that failed
        found.append(409)
    return sorted(found)


def _problem(meaning: str, status: int | None) -> Json:
    headers = {"X-Request-ID": _header("RequestId")}
    if status in (429, 503, 403, 409):
        headers["Retry-After"] = _header("RetryAfter")
    if status == 429:
        headers |= {"RateLimit": _header("RateLimit"), "RateLimit-Policy": _header("RateLimitPolicy")}
    return {"description": meaning, "headers": headers, "content": {CONTENT_TYPE: {"schema": _ref("Problem")}}}


def _add_example(path: str, operation: Json) -> None:
    example = EXAMPLES.get(path)
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if example is not None and body is not None:
        body["example"] = example


def _sent(result: Json) -> set[str]:
    """The components that bodies are made of."""
    schemas = result["components"]["schemas"]
    waiting: list[Any] = [operation.get("requestBody", {}) for _, _, operation in _operations(result)]
    found: set[str] = set()
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
        elif isinstance(one, str) and one.startswith("#/components/schemas/"):
            name = one.rpartition("/")[2]
            if name not in found:
                found.add(name)
                waiting.append(schemas[name])
    return found


def _close(schema: Json) -> None:
    """Says of what is sent that it takes no other fields, and no NUL."""
    if schema.get("type") == "object" and "properties" in schema:
        schema["additionalProperties"] = False
    waiting = [*schema.get("properties", {}).values()]
    while waiting:
        one = waiting.pop()
        if _is_free_text(one):
            one["pattern"] = NO_NUL
        elif one.get("format") == "decimal":
            _take_numbers(one)
        waiting += [inner for key in ("items", "additionalProperties") if isinstance(inner := one.get(key), dict)]


def _take_numbers(schema: Json) -> None:
    """An amount of money is given out as a string, and taken as a number too."""
    kept: Json = {key: schema[key] for key in ("description", "nullable", "default") if key in schema}
    schema.clear()
    text: Json = {"type": "string", "format": "decimal", "pattern": "^[0-9]{1,6}(\\.[0-9]{1,6})?$"}
    number: Json = {"type": "number", "minimum": 0, "maximum": 999999, "multipleOf": 0.000001}
    schema.update(kept, oneOf=[text, number])


def _is_free_text(schema: Json) -> bool:
    return schema.get("type") == "string" and not {"format", "pattern", "enum"} & set(schema)


def _header(name: str) -> Json:
    return {"$ref": f"#/components/headers/{name}"}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}
