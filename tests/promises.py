"""What the product's documents promise by name, in tables: settings, and fields of answers, frames and log lines."""

SETTINGS = {
    "ALLOWED_ORIGINS": "P-250",
    "API_RATE_LIMIT_PER_MINUTE": "P-86",
    "BROKER_URL": "P-230",
    "CORS_ORIGINS": "P-120",
    "COST_TRACKING_ENABLED": "P-253",
    "DATABASE_MAX_OVERFLOW": "P-71",
    "DATABASE_POOL_CHECK_AFTER_S": "P-71",
    "DATABASE_POOL_MAX": "P-71",
    "DATABASE_URL": "P-69",
    "GROQ_API_KEY": "P-252",
    "GROQ_MODEL": "P-252",
    "GROQ_RATE_LIMIT": "P-252",
    "LLM_CODE_MODEL": "P-121",
    "LLM_CONTENT_MODEL": "P-121",
    "LLM_PEER_MODEL": "P-121",
    "LOG_LEVEL": "P-177",
    "MAX_CONCURRENT_RUNS": "P-154",
    "OPENAI_API_KEY": "P-121",
    "REDIS_URL": "P-123",
    "SECRET_KEY": "P-250",
    "TAVILY_API_KEY": "P-122",
    "VERSIONING_ENABLED": "P-253",
}

RUN = "GET /v1/runs/{id}"
NODE_RUNS = "GET /v1/runs/{id}/node-runs"
TASK = "GET /v1/tasks/{id}"
RESULT = "GET /executions/result/{id}"
EVENTS = "GET /v1/sessions/{id}/events"
PROPOSALS = "GET /v1/sessions/{id}/proposals"
GRAPH = "GET /v1/graphs/{id}"
SOCKET = "WS /ws/sessions/{id}"
EXECUTE = "WS /ws/execute/{id}"
LOG = "LOG"

FIELDS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("P-93", "POST /v1/agent/execute", ("task_id", "session_id", "status", "queued_at", "message", "api_version")),
    ("P-39", "POST /graphs/create", ("id",)),
    ("P-41", "POST /executions/run", ("run_id",)),
    ("P-228", "POST /runs", ("run_id",)),
    ("P-42", RESULT, ("run_id", "status", "result/state/*", "result/execution_time")),
    ("P-56", RESULT, tuple(f"result/logs/*/{name}" for name in (
        "node_id", "status", "attempt", "input/*", "output/*", "timestamp", "duration_ms"))),
    ("P-57", RESULT, ("result/logs/*/error/message",)),
    ("P-90", TASK, tuple(f"metadata/{name}" for name in ("ip", "user_agent", "request_id", "environment"))),
    ("P-99", TASK, ("selected_agent", "agent_type", "peer_routing_reason", "confidence")),
    ("P-106", TASK, tuple(f"result/citations/*/{name}" for name in ("source", "title", "url"))),
    ("P-110", TASK, ("result/summary", "result/raw_output", "result/code_language")),
    ("P-111", TASK, ("tokens/prompt", "tokens/completion", "cost_usd")),
    ("P-112", TASK, ("error/type", "error/message")),
    ("P-115", TASK, ("task_id", "session_id", "task", "status", "created_at", "queued_at", "started_at",
                     "completed_at", "updated_at", "api_version")),
    ("P-116", "GET /v1/tasks", ("results/*/task_id", "results/*/status", "results/*/agent_type", "next")),
    ("P-117", "GET /v1/system/metrics", ("queue_length", "tasks_today/*", "agent_distribution/*", "checks/*/name")),
    ("P-211", "GET /v1/system/metrics", ("average_duration_ms", "tasks_total/*")),
    ("P-229", RUN, ("id", "session", "graph", "graph_version", "status", "priority", "durability", "initial_state/*",
                    "state/*", "created_at", "started_at", "finished_at", "duration_ms", "progress/done",
                    "progress/total", "attempt", "api_version")),
    ("P-74", RUN, ("error/type", "error/message", "error/code", "error/node_id", "error/attempt")),
    ("P-238", RUN, ("forked_from",)),
    ("P-245", RUN, ("tokens/prompt", "tokens/completion")),
    ("P-246", RUN, ("cost_usd",)),
    ("P-247", RUN, ("budget_usd", "at_budget", "interrupts/*/id", "interrupts/*/node_id", "interrupts/*/question",
                    "interrupts/*/schema/*", "interrupts/*/default/*", "interrupts/*/expires_at")),
    ("P-156", NODE_RUNS, tuple(f"results/*/{name}" for name in (
        "id", "node_id", "tool", "status", "attempt", "input/*", "output/*", "error/message", "started_at",
        "finished_at", "duration_ms", "endpoint", "tokens/prompt", "tokens/completion", "cost_usd"))),
    ("P-157", NODE_RUNS, tuple(f"results/*/earlier_attempts/*/{name}" for name in (
        "attempt", "error/message", "started_at", "finished_at", "duration_ms"))),
    ("P-237", "GET /v1/runs/{id}/checkpoints", tuple(f"results/*/{name}" for name in (
        "id", "run", "number", "node_id", "writes/*", "edges_taken/*", "created_at"))),
    ("P-237", "GET /v1/runs/{id}/checkpoints/{n}", ("state/*",)),
    ("P-159", "GET /v1/runs/{id}/timeline", ("steps/*/node_id", "steps/*/status", "steps/*/duration_ms")),
    ("P-164", "GET /v1/runs/{id}/retry", ("version", "nodes/*/node_id", "nodes/*/action", "nodes/*/why", "starts/*")),
    ("P-23", PROPOSALS, ("results/*/diff", "results/*/summary")),
    ("P-21", PROPOSALS, ("results/*/checks/*/name", "results/*/checks/*/verdict", "results/*/checks/*/detail")),
    ("P-22", PROPOSALS, tuple(f"results/*/hunks/*/{name}" for name in (
        "n", "header", "old_start", "old_lines", "new_start", "new_lines", "text", "status", "reason"))),
    ("P-26", "GET /v1/sessions/{id}/requests", ("results/*/instruction", "results/*/parent", "results/*/run/status")),
    ("P-235", PROPOSALS, ("results/*/endpoint",)),
    ("P-9", "GET /v1/sessions/{id}", ("id", "title", "language", "status", "role", "created_at", "last_active_at",
                                      "expires_at", "document/id", "document/revision", "document/length", "last_seq")),
    ("P-11", EVENTS, ("last_seq", "results/*/seq", "results/*/type", "results/*/at", "results/*/run",
                      "results/*/data/*")),
    ("P-12", SOCKET, ("seq", "type", "at", "run", "data/*")),
    ("P-44", EXECUTE, ("event", "run_id", "node")),
    ("P-45", EXECUTE, ("output/*",)),
    ("P-46", EXECUTE, ("result/state/*", "result/logs/*/node_id", "result/execution_time")),
    ("P-32", GRAPH, ("id", "slug", "name", "definition/nodes/*/node_id", "definition/nodes/*/tool",
                     "definition/edges/*/from_node", "definition/edges/*/to_node", "definition/entry_node", "version",
                     "versions/*", "created_at", "updated_at")),
    ("P-38", "GET /v1/graphs/{id}/layout", ("version", "nodes/*/node_id", "nodes/*/x", "nodes/*/width",
                                            "edges/*/from_node", "edges/*/points/*")),
    ("P-241", "GET /v1/graphs/{id}/versions", tuple(f"results/*/{name}" for name in (
        "version", "semver", "snapshot_id", "note", "created_at"))),
    ("P-244", "POST /v1/graphs/{id}/rollback", ("version", "semver", "snapshot_id")),
    ("P-24", "POST /v1/graphs/{id}/redesigns", tuple(f"changes/*/{name}" for name in (
        "n", "kind", "title", "reason", "nodes/*", "evidence/before/critical_path_ms", "evidence/source", "status"))),
    ("P-167", "GET /v1/prompts", ("results/*/name", "results/*/labels/*")),
    ("P-168", "GET /v1/prompts/{name}/versions", ("results/*/version", "results/*/content", "results/*/variables/*")),
    ("P-170", "GET /v1/prompts/{name}/versions", ("results/*/metadata/*",)),
    ("P-246", "GET /v1/model-calls/sums", tuple(f"results/*/{name}" for name in (
        "key", "calls", "completed", "prompt_tokens", "completion_tokens", "cost_usd", "last_at"))),
    ("P-246", "GET /v1/model-calls", tuple(f"results/*/{name}" for name in (
        "run", "node_id", "agent", "endpoint", "model", "reason", "tokens/prompt", "tokens/completion", "cost_usd",
        "latency_ms", "outcome", "prompt_version"))),
    ("P-247", "GET /v1/runs/{id}/budget", ("budget_usd", "budgets/*/name", "budgets/*/limit_usd", "budgets/*/spent_usd",
                                           "budgets/*/left_usd")),
    ("P-132", LOG, ("timestamp", "level", "message", "request_id", "task_id", "session_id", "agent_name", "endpoint",
                    "status_code", "duration_ms")),
    ("P-178", LOG, ("context/executionId", "context/agentId", "context/userId", "metadata/durationMs",
                    "metadata/success", "traceId")),
)  # fmt: skip
"""(promise, operation, pointers): * is each item of a list, or each value of an object."""
