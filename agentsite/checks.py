"""System checks on combinations of settings; each has an id and a hint."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured

from agentsite import cross_origin, servers


def install() -> None:
    """Registers the checks; called once, when the app is ready."""
    register(production_is_closed, Tags.security)
    register(parts_fit_together, Tags.compatibility)


def production_is_closed(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Production refuses to start with a development secret, DEBUG, or open hosts."""
    if settings.ENVIRONMENT != "production":
        return []
    found: list[CheckMessage] = []
    if settings.DEBUG:
        found.append(Error("DEBUG is on in production.", hint="Unset DEBUG.", id="agentsite.E001"))
    if settings.SECRET_KEY_IS_GENERATED:
        found.append(
            Error(
                "SECRET_KEY is not set, or is a development key.",
                hint="Set SECRET_KEY to at least 50 random characters.",
                id="agentsite.E002",
            )
        )
    if not settings.ALLOWED_HOSTS or "*" in settings.ALLOWED_HOSTS:
        found.append(
            Error(
                "ALLOWED_HOSTS is open in production.",
                hint="Name the hosts: ALLOWED_HOSTS=site.example.org",
                id="agentsite.E003",
            )
        )
    if not settings.SECURE_TLS:
        found.append(
            Warning(
                "SECURE_TLS is off in production: cookies travel over plain HTTP.",
                hint="Put TLS in front (deploy/README.md) and unset SECURE_TLS.",
                id="agentsite.W001",
            )
        )
    if settings.RATE_LIMITS and not settings.BEHIND_PROXY and settings.HOST in ("127.0.0.1", "::1", "localhost"):
        found.append(
            Warning(
                f"The site listens on {settings.HOST} and BEHIND_PROXY is off: whoever comes by a proxy counts as one"
                " address, and all share its limits.",
                hint="Set BEHIND_PROXY=true where the proxy sets X-Forwarded-For itself.",
                id="agentsite.W002",
            )
        )
    return found


def parts_fit_together(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Parts that live in one process's memory cannot be shared by several processes."""
    found: list[CheckMessage] = []
    if settings.ENVIRONMENT not in ("development", "production"):
        found.append(
            Error(
                f"ENVIRONMENT is {settings.ENVIRONMENT!r}.",
                hint="Expected 'development' or 'production'.",
                id="agentsite.E004",
            )
        )
    broker_in_memory = settings.BROKER_URL.startswith("memory")
    if broker_in_memory and not settings.EMBEDDED_WORKER:
        found.append(
            Error(
                "EMBEDDED_WORKER is off, but no other process can read BROKER_URL memory://: no run would start.",
                hint="Set BROKER_URL to a Redis or RabbitMQ, or unset EMBEDDED_WORKER.",
                id="agentsite.E005",
            )
        )
    if not settings.EMBEDDED_WORKER:
        for name, value, scheme in (
            ("CHANNEL_LAYER_URL", settings.CHANNEL_LAYER_URL, "memory"),
            ("CACHE_URL", settings.CACHE_URL, "locmem"),
        ):
            if value.startswith(scheme):
                found.append(
                    Error(
                        f"The workers are processes of their own, but {name} is {value!r}, which they cannot share.",
                        hint=f"Set {name} to a Redis: {name}=redis://host:6379/1",
                        id="agentsite.E006",
                    )
                )
    if settings.SESSION_WARNING_S >= settings.SESSION_MAX_TTL_S:
        found.append(
            Error(
                f"SESSION_WARNING_S ({settings.SESSION_WARNING_S}) is not shorter than SESSION_MAX_TTL_S"
                f" ({settings.SESSION_MAX_TTL_S}): every session would be born with its warning.",
                hint="Warn later, or let sessions live longer.",
                id="agentsite.E007",
            )
        )
    found += _addresses_can_be_meant()
    if settings.LOG_FORMAT not in ("json", "line"):
        found.append(
            Error(f"LOG_FORMAT is {settings.LOG_FORMAT!r}.", hint="Expected 'json' or 'line'.", id="agentsite.E008")
        )
    return found


def _addresses_can_be_meant() -> list[CheckMessage]:
    found: list[CheckMessage] = [
        Error(
            f"CORS_ORIGINS (or ALLOWED_ORIGINS) names {origin!r}, which is no origin.",
            hint="Scheme, host and port without a path: https://app.example.org, or https://*.example.org.",
            id="agentsite.E009",
        )
        for origin in settings.CORS_ORIGINS
        if not cross_origin.is_origin(origin)
    ]
    if settings.REDIS_URL and not settings.REDIS_URL.startswith(servers.REDIS):
        found.append(
            Error(
                "REDIS_URL is not the address of a Redis.",
                hint=f"Expected one that begins with {', '.join(servers.REDIS)}.",
                id="agentsite.E010",
            )
        )
    return found


def refuse_unsafe_production() -> None:
    """Raises ImproperlyConfigured with every error at once, for servers that run no system checks."""
    errors = [found for found in (*production_is_closed(), *parts_fit_together()) if isinstance(found, Error)]
    if errors:
        lines = [f"{error.id}: {error.msg} {error.hint}" for error in errors]
        raise ImproperlyConfigured("The site does not start like this.\n" + "\n".join(lines))
