"""Every setting, read from the environment once; see deploy/README.md for the table."""

import logging.config
import secrets
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

from csp.constants import NONCE, NONE, SELF

from agentsite import cross_origin, limit_settings, logs, servers
from agentsite.environment import Environment
from agentsite.static_digest import LIBRARIES, digest

BASE_DIR = Path(__file__).resolve().parent.parent

env = Environment()
Environment.read_env(env.str("ENV_FILE", default=str(BASE_DIR / ".env")))

ENVIRONMENT: str = env.str("ENVIRONMENT", default="development")
DEBUG: bool = env.bool("DEBUG", default=False)
VAR_DIR = Path(env.str("VAR_DIR", default=str(BASE_DIR / "var")))
VAR_DIR.mkdir(parents=True, exist_ok=True)

DEVELOPMENT_SECRET_PREFIX = "development-"  # noqa: S105  # what such a secret begins with, not one itself


def _development_secret() -> str:
    """A secret of this machine's own, kept in VAR_DIR so that logins outlive a restart."""
    path = VAR_DIR / "secret_key"
    if not path.exists():
        path.write_text(DEVELOPMENT_SECRET_PREFIX + secrets.token_urlsafe(50))
        path.chmod(0o600)
    return path.read_text().strip()


SECRET_KEY: str = env.str("SECRET_KEY", default="") or _development_secret()
SECRET_KEY_IS_GENERATED = SECRET_KEY.startswith(DEVELOPMENT_SECRET_PREFIX) or len(SECRET_KEY) < 50
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", default=[])
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# Pages of other sites that may use the API and the sockets, by a token or a ticket and never by a login's cookie.
CORS_ORIGINS: list[str] = [
    *env.list("CORS_ORIGINS", default=[]),
    *env.list("ALLOWED_ORIGINS", default=[]),
]
GUESTS_ALLOWED: bool = env.bool("GUESTS_ALLOWED", default=True)

# A worker has no use for what makes pages, and starts with less work and memory without it.
SERVES_PAGES: bool = env.bool("SERVES_PAGES", default=True)

INSTALLED_APPS = [
    "agentsite",
    "refine_app",
    "graphs_app",
    "sessions_app",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
]
if SERVES_PAGES:
    INSTALLED_APPS += [
        "agentsite.admin_site.SiteAdminConfig",
        "django.contrib.messages",
        "whitenoise.runserver_nostatic",
        "django.contrib.staticfiles",
        "corsheaders",
        "csp",
        "rest_framework",
        "drf_spectacular",
        "drf_spectacular_sidecar",
    ]
if SERVES_PAGES and DEBUG:
    # `runserver` speaks ASGI through it; nobody else should pay for loading Twisted.
    INSTALLED_APPS.insert(0, "daphne")

MIDDLEWARE = [
    "agentsite.middleware.RequestId",
    "corsheaders.middleware.CorsMiddleware",  # before whatever answers by itself, so that pages can read refusals too
    "agentsite.middleware.BodyLimit",
    "django.middleware.security.SecurityMiddleware",
    "agentsite.static_files.StaticFiles",
    "csp.middleware.CSPMiddleware",
    "agentsite.middleware.Revalidation",
    "agentsite.middleware.ProblemResponses",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "agentsite.middleware.Limits",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "agentsite.urls" if SERVES_PAGES else ""
ASGI_APPLICATION = "agentsite.asgi.application"
TEMPLATES = SERVES_PAGES * [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
            ]
        },
    }
]

# Data --------------------------------------------------------------------------------------------

# No call to another process may take a thread or a process with it: each is bounded, and each may fail.
DEPENDENCY_RETRY_S: float = env.float("DEPENDENCY_RETRY_S", default=2.0)
DATABASE_CONNECT_TIMEOUT_S: float = env.float("DATABASE_CONNECT_TIMEOUT_S", default=5.0)
DATABASE_TIMEOUT_S: float = env.float("DATABASE_TIMEOUT_S", default=15.0)
DATABASE_POOL_CHECK_AFTER_S: float = env.float("DATABASE_POOL_CHECK_AFTER_S", default=30.0)
DATABASE_IDLE_TIMEOUT_S = 60.0

DATABASES = {"default": env.database("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'agentsite.sqlite3'}")}
_database = DATABASES["default"]
if _database["ENGINE"].endswith("sqlite3"):
    _database["ENGINE"] = "agentsite.sqlite3"
    _database["CONN_MAX_AGE"] = None  # it belongs to a thread, and opening it costs more than most queries
    # A file in tests too: the threads of an in-memory database share one cache, which no busy_timeout waits for.
    _database["TEST"] = {"NAME": str(VAR_DIR / "tests.sqlite3")}
    _database.setdefault("OPTIONS", {}).update(
        {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": (
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=20000; PRAGMA foreign_keys=ON;"
            ),
        }
    )
else:
    _database["ENGINE"] = "agentsite.postgres"
    _database["CONN_MAX_AGE"] = 0
    _database.setdefault("OPTIONS", {}).update(
        servers.postgres_options(
            connect_timeout_s=DATABASE_CONNECT_TIMEOUT_S,
            pool_min=env.int("DATABASE_POOL_MIN", default=2),
            pool_max=env.int("DATABASE_POOL_MAX", default=20),
            overflow=env.int("DATABASE_MAX_OVERFLOW", default=10),
        )
    )
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "sessions_app.User"
# Passwords are tried at the first only; logins that name the second stand.
AUTHENTICATION_BACKENDS = [
    "sessions_app.limits.passwords.PasswordBackend",
    "django.contrib.auth.backends.ModelBackend",
]

REDIS_TIMEOUT_S: float = env.float("REDIS_TIMEOUT_S", default=1.0)
# One Redis for all that is shared, where nothing else is said of one of them.
REDIS_URL: str = env.str("REDIS_URL", default="")
REDIS_CA_FILE: str = env.str("REDIS_CA_FILE", default="")
CACHE_URL: str = env.str("CACHE_URL", default=REDIS_URL or "locmem://")
CACHES = servers.caches(CACHE_URL, timeout_s=REDIS_TIMEOUT_S, ca_file=REDIS_CA_FILE)
CHANNEL_LAYER_URL: str = env.str("CHANNEL_LAYER_URL", default=REDIS_URL or "memory://")
CHANNEL_LAYERS = servers.channel_layers(CHANNEL_LAYER_URL, timeout_s=REDIS_TIMEOUT_S, ca_file=REDIS_CA_FILE)

# Work --------------------------------------------------------------------------------------------

BROKER_URL: str = env.str("BROKER_URL", default=REDIS_URL or "memory://")
HIGHEST_PRIORITY = servers.HIGHEST_PRIORITY
MAX_CONCURRENT_RUNS: int = env.int("MAX_CONCURRENT_RUNS", default=10)
# The worker (and beat) live in the web process when the broker does.
EMBEDDED_WORKER: bool = env.bool("EMBEDDED_WORKER", default=BROKER_URL.startswith("memory"))
CELERY_BROKER_URL = "memory://localhost/" if BROKER_URL.startswith("memory") else BROKER_URL
CELERY_BROKER_TRANSPORT = {
    "memory": "agentsite.memory_broker:Transport",
    "redis": "agentsite.redis_broker:Transport",
    "rediss": "agentsite.redis_broker:Transport",
}.get(BROKER_URL.partition(":")[0])
BROKER_CA_FILE: str = env.str("BROKER_CA_FILE", default="")
CELERY_BROKER_USE_SSL = servers.broker_tls(BROKER_URL, ca_file=BROKER_CA_FILE, redis_ca_file=REDIS_CA_FILE) or None
CELERY_BROKER_TRANSPORT_OPTIONS = servers.broker_options(BROKER_URL, timeout_s=REDIS_TIMEOUT_S)
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CONCURRENCY = MAX_CONCURRENT_RUNS
CELERY_WORKER_POOL = "threads"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # for ever: a worker outlives its broker, however long that is away
CELERY_BROKER_CHANNEL_ERROR_RETRY = True  # also one that is full, read-only, or has something else under a queue's name
CELERY_TASK_DEFAULT_QUEUE = "agent_tasks"
CELERY_TASK_QUEUES = {
    "agent_tasks": {"routing_key": "agent_tasks"},
    "runs": {"routing_key": "runs"},  # where releases before sent runs to
    "upkeep": {"routing_key": "upkeep"},
}
# RabbitMQ orders a queue only where its declaration says so (x-max-priority); the others know no such thing.
CELERY_TASK_QUEUE_MAX_PRIORITY = HIGHEST_PRIORITY if servers.counts_priorities_upwards(BROKER_URL) else None
CELERY_TASK_ROUTES = {
    "sessions_app.tasks.*": {"queue": "upkeep"},
    "refine_app.tasks.*": {"queue": "upkeep"},
    "graphs_app.tasks.sweep_runs": {"queue": "upkeep"},
}
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "celerybeat-schedule")
CELERY_BEAT_SCHEDULE = {
    "sweep-runs": {"task": "graphs_app.tasks.sweep_runs", "schedule": 5.0},
    "expire-sessions": {"task": "sessions_app.tasks.expire_sessions", "schedule": 30.0},
    "settle-abandoned-calls": {"task": "refine_app.tasks.settle_abandoned_calls", "schedule": 300.0},
    "prune-runs": {"task": "graphs_app.tasks.prune_runs", "schedule": 3600.0},
    "prune-sessions": {"task": "sessions_app.tasks.prune_sessions", "schedule": 3600.0},
}

RUN_LEASE_S: float = env.float("RUN_LEASE_S", default=30.0)
RUN_DRAIN_S: float = env.float("RUN_DRAIN_S", default=20.0)
RUN_MAX_ATTEMPTS: int = env.int("RUN_MAX_ATTEMPTS", default=3)
LOOP_BLOCKED_WARN_S: float = env.float("LOOP_BLOCKED_WARN_S", default=0.5)
LOOP_STARTS_FOR_S: float = env.float("LOOP_STARTS_FOR_S", default=15.0)
LOOP_BLOCKED_MAX_S: float = env.float("LOOP_BLOCKED_MAX_S", default=30.0)
SERVE_RESTARTS: bool = env.bool("SERVE_RESTARTS", default=True)
RUN_TIMEOUT_S: float = env.float("RUN_TIMEOUT_S", default=3600.0)
# What a run may take with its sub-runs; one that needs more ends as failed, and keeps what was done.
RUN_STATE_MAX_BYTES: int = env.int("RUN_STATE_MAX_BYTES", default=4_000_000)
RUN_MAX_BYTES: int = env.int("RUN_MAX_BYTES", default=64_000_000)
RUN_MAX_STEPS: int = env.int("RUN_MAX_STEPS", default=100_000)
RUN_MAX_SUB_RUNS: int = env.int("RUN_MAX_SUB_RUNS", default=5_000)
RUN_PENDING_MAX_BYTES: int = env.int("RUN_PENDING_MAX_BYTES", default=1_000_000)
RUN_MAX_NESTING: int = env.int("RUN_MAX_NESTING", default=20)
RUN_MAX_PARALLEL: int = env.int("RUN_MAX_PARALLEL", default=1_000)
GRAPH_MAX_NODES: int = env.int("GRAPH_MAX_NODES", default=10_000)
GRAPH_MAX_EDGES: int = env.int("GRAPH_MAX_EDGES", default=50_000)
GRAPH_MAX_ITERATIONS: int = env.int("GRAPH_MAX_ITERATIONS", default=1_000_000)
MAP_MAX_ITEMS: int = env.int("MAP_MAX_ITEMS", default=1_000)
# Runs outside sessions are deleted so long after their end; those of a session go with it.
RUN_RETENTION_S: int = env.int("RUN_RETENTION_S", default=30 * 86400)
RUN_TIMEOUT_MAX_S: float = env.float("RUN_TIMEOUT_MAX_S", default=86_400.0)
QUESTION_TIMEOUT_MAX_S: float = env.float("QUESTION_TIMEOUT_MAX_S", default=7 * 86_400.0)

# Sessions ----------------------------------------------------------------------------------------

SESSION_IDLE_TTL_S: int = env.int("SESSION_IDLE_TTL_S", default=2 * 3600)
SESSION_MAX_TTL_S: int = env.int("SESSION_MAX_TTL_S", default=7 * 86400)
SESSION_WARNING_S: int = env.int("SESSION_WARNING_S", default=15 * 60)
SESSION_RETENTION_S: int = env.int("SESSION_RETENTION_S", default=30 * 86400)
DOCUMENT_MAX_BYTES: int = env.int("DOCUMENT_MAX_BYTES", default=1_000_000)
SESSION_MAX_BYTES: int = env.int("SESSION_MAX_BYTES", default=50_000_000)
SESSION_REVISIONS_BYTES: int = env.int("SESSION_REVISIONS_BYTES", default=20_000_000)
DOCUMENT_STATE_MAX_BYTES: int = env.int("DOCUMENT_STATE_MAX_BYTES", default=4_000_000)
OPEN_DOCUMENTS_MAX_BYTES: int = env.int("OPEN_DOCUMENTS_MAX_BYTES", default=24_000_000)
REQUEST_BODY_MAX_BYTES: int = env.int("REQUEST_BODY_MAX_BYTES", default=2_000_000)
DATA_UPLOAD_MAX_MEMORY_SIZE = REQUEST_BODY_MAX_BYTES

# Models ------------------------------------------------------------------------------------------

HF_TOKEN: str = env.str("HF_TOKEN", default="")
HF_MODEL: str = env.str("HF_MODEL", default="deepseek-ai/DeepSeek-V3-0324")
MODEL_ENDPOINT_URL: str = env.str("MODEL_ENDPOINT_URL", default="")
MODEL_ENDPOINT_MODEL: str = env.str("MODEL_ENDPOINT_MODEL", default="")
MODEL_ENDPOINT_TOKEN: str = env.str("MODEL_ENDPOINT_TOKEN", default="")
MODEL_ENDPOINT_CONTEXT: int = env.int("MODEL_ENDPOINT_CONTEXT", default=32_000)
MODEL_ENDPOINT_TIER: str = env.one_of("MODEL_ENDPOINT_TIER", ("fast", "balanced", "strong"), default="balanced")
# Dollars for a million tokens; not known where they are left out.
MODEL_ENDPOINT_INPUT_USD: float | None = env.float("MODEL_ENDPOINT_INPUT_USD", default=None)
MODEL_ENDPOINT_OUTPUT_USD: float | None = env.float("MODEL_ENDPOINT_OUTPUT_USD", default=None)
# Room for a model's thoughts beyond its answer, in tokens; learnt from its answers where it is left out.
MODEL_ENDPOINT_THINKING_TOKENS: int | None = env.int("MODEL_ENDPOINT_THINKING_TOKENS", default=None)
MODEL_ENDPOINT_REASONING_EFFORT: str = env.str("MODEL_ENDPOINT_REASONING_EFFORT", default="")
# Keys of the endpoints that come with the product; each is off without its own.
GROQ_API_KEY: str = env.str("GROQ_API_KEY", default="")
GROQ_MODEL: str = env.str("GROQ_MODEL", default="")
GROQ_RATE_LIMIT: int | None = env.int("GROQ_RATE_LIMIT", default=None)
OPENAI_API_KEY: str = env.str("OPENAI_API_KEY", default="")
DEEPSEEK_API_KEY: str = env.str("DEEPSEEK_API_KEY", default="")
MISTRAL_API_KEY: str = env.str("MISTRAL_API_KEY", default="")
GEMINI_API_KEY: str = env.str("GEMINI_API_KEY", default="")
# Which model agents ask by their role: an endpoint's name, a model of one, or any model of the server that is there.
LLM_PEER_MODEL: str = env.str("LLM_PEER_MODEL", default="")
LLM_CONTENT_MODEL: str = env.str("LLM_CONTENT_MODEL", default="")
LLM_CODE_MODEL: str = env.str("LLM_CODE_MODEL", default="")
TAVILY_API_KEY: str = env.str("TAVILY_API_KEY", default="")
TAVILY_URL: str = env.str("TAVILY_URL", default="https://api.tavily.com/search")
# It needs no key, and is asked where there is none of Tavily; empty: agents search nowhere.
DUCKDUCKGO_URL: str = env.str("DUCKDUCKGO_URL", default="https://html.duckduckgo.com/html/")
API_RATE_LIMIT_PER_MINUTE: int = env.int("API_RATE_LIMIT_PER_MINUTE", default=60)
PRIVATE_ENDPOINTS_ALLOWED: bool = env.bool("PRIVATE_ENDPOINTS_ALLOWED", default=False)
MODEL_TIMEOUT_S: float = env.float("MODEL_TIMEOUT_S", default=120.0)
MODEL_IDLE_TIMEOUT_S: float = env.float("MODEL_IDLE_TIMEOUT_S", default=30.0)
MODEL_QUEUE_S: float = env.float("MODEL_QUEUE_S", default=120.0)
# Off: calls are counted in tokens alone, and no budget can be set.
COST_TRACKING_ENABLED: bool = env.bool("COST_TRACKING_ENABLED", default=True)
# Off: graph versions keep no snapshot of what they are made of, and nobody rolls back.
VERSIONING_ENABLED: bool = env.bool("VERSIONING_ENABLED", default=True)
BUDGET_QUESTION_S: float = env.float("BUDGET_QUESTION_S", default=86_400.0)
KEEP_MODEL_TEXTS: bool = env.bool("KEEP_MODEL_TEXTS", default=True)

# Limits ------------------------------------------------------------------------------------------

RATE_LIMITS: bool = env.bool("RATE_LIMITS", default=True)
globals().update(limit_settings.read(env, tasks_per_minute=API_RATE_LIMIT_PER_MINUTE))

# HTTP --------------------------------------------------------------------------------------------

HOST: str = env.str("HOST", default="127.0.0.1")
PORT: int = env.port("PORT", default=8000)
WEB_THREADS: int = env.int("WEB_THREADS", default=8)
# What reaches the process itself, with nginx in front or not.
REQUEST_HEAD_MAX_BYTES: int = env.int("REQUEST_HEAD_MAX_BYTES", default=32_768)
REQUEST_URL_MAX_BYTES: int = env.int("REQUEST_URL_MAX_BYTES", default=8_000)
REQUEST_HEADERS_MAX: int = env.int("REQUEST_HEADERS_MAX", default=100)
REQUEST_HEAD_S: float = env.float("REQUEST_HEAD_S", default=10.0)
REQUEST_BODY_S: float = env.float("REQUEST_BODY_S", default=20.0)
REQUEST_BODY_MIN_BYTES_PER_S: float = env.float("REQUEST_BODY_MIN_BYTES_PER_S", default=10_000.0)
REQUEST_BODIES_MAX_BYTES: int = env.int("REQUEST_BODIES_MAX_BYTES", default=64_000_000)
SOCKET_UNFINISHED_MAX_BYTES: int = env.int("SOCKET_UNFINISHED_MAX_BYTES", default=64_000_000)
UNREAD_MAX_BYTES: int = env.int("UNREAD_MAX_BYTES", default=64_000_000)
RESPONSE_STALL_S: float = env.float("RESPONSE_STALL_S", default=60.0)
KEEP_ALIVE_S: int = env.int("KEEP_ALIVE_S", default=5)
CONNECTIONS_MAX: int = env.int("CONNECTIONS_MAX", default=5_000)
CONNECTIONS_PER_ADDRESS_MAX: int = env.int("CONNECTIONS_PER_ADDRESS_MAX", default=1_000)
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
LOGIN_URL = "/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
CSRF_FAILURE_VIEW = "agentsite.error_pages.csrf_failed"
SILENCED_SYSTEM_CHECKS: list[str] = []

STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_DIGEST = (
    digest(BASE_DIR / "static", tuple(version(name) for name in LIBRARIES)) if SERVES_PAGES and not DEBUG else "now"
)
STATIC_URL = f"/static/{STATIC_DIGEST}/"
STATIC_ROOT = VAR_DIR / "static" / STATIC_DIGEST
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
WHITENOISE_AUTOREFRESH = DEBUG
WHITENOISE_ALLOW_ALL_ORIGINS = False
# What `collectstatic` has gathered and compressed is served; before that, the sources.
WHITENOISE_USE_FINDERS = DEBUG or not any(STATIC_ROOT.iterdir())
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}

SECURE_TLS: bool = env.bool("SECURE_TLS", default=ENVIRONMENT == "production")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_TLS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 30 * 86400
SECURE_HSTS_SECONDS = 31_536_000 if SECURE_TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_TLS
SECURE_SSL_REDIRECT = False
BEHIND_PROXY: bool = env.bool("BEHIND_PROXY", default=False)
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
    }
}

globals().update(cross_origin.settings_for(CORS_ORIGINS))

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework_simplejwt.authentication.JWTAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["sessions_app.api.parsers.BoundedJSONParser"],
    "DEFAULT_METADATA_CLASS": "sessions_app.api.metadata.Methods",
    "DEFAULT_PAGINATION_CLASS": "sessions_app.api.pagination.NewestFirst",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "agentsite.problem.handle",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "PAGE_SIZE": 50,
}
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=env.int("ACCESS_TOKEN_MINUTES", default=60)),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=14),
    "SIGNING_KEY": SECRET_KEY,
    "ALGORITHM": "HS256",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "agentsite",
    "DESCRIPTION": "Sessions, documents, requests, runs, proposals and graphs over HTTP. A parameter or a field "
    "that an operation does not name is refused, and so is a body where it names none; `{}` is taken for none.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "agentsite.openapi.complete",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "ENUM_NAME_OVERRIDES": {
        "RunStatusEnum": "graphs_app.models.RunStatus.choices",
        "RoleEnum": "sessions_app.models.Role.choices",
        "InvitedRoleEnum": "sessions_app.api.invites.ROLES",
    },
}

LOG_LEVEL: str = env.one_of("LOG_LEVEL", [name.lower() for name in logs.LEVELS], default="info").upper()
LOG_FORMAT: str = env.str("LOG_FORMAT", default="json" if ENVIRONMENT == "production" else "line")
LOGGING_CONFIG = None  # Django's own would load its error pages and the sending of mail, which nobody asked for
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "agentsite.logs.LineFormatter"}, "json": {"()": "agentsite.logs.JsonFormatter"}},
    "handlers": {
        "lines": {
            "class": "logging.StreamHandler",
            "stream": logs.stream_of(LOG_FORMAT),
            "formatter": LOG_FORMAT if LOG_FORMAT == "json" else "line",
        }
    },
    "root": {"handlers": ["lines"], "level": logs.LEVELS[LOG_LEVEL]},
    "loggers": {
        "celery": {"level": "WARNING"},
        "kombu": {"level": "WARNING"},
        "psycopg.pool": {"level": "ERROR"},  # each attempt of a reconnection; agentsite.postgres says it once
        "channels_redis": {"level": "CRITICAL"},  # a traceback a second while Redis is down; layer.py says it once
        "django.request": {"level": "ERROR"},  # what was refused has its line already, from agentsite.request
        "django.server": {"level": "ERROR"},
    },
}
logging.config.dictConfig(LOGGING)
