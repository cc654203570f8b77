"""System checks on combinations of settings; each has an id and a hint."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register


def install() -> None:
    """Registers the checks; called once, when the app is ready."""
    register(production_is_closed, Tags.security)


def production_is_closed(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
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
    return found
