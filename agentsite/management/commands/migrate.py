"""Django's own, without the bounds on statements: a migration takes as long as it takes."""

from typing import Any

from django.conf import settings
from django.core.management.commands.migrate import Command as Migrate


class Command(Migrate):
    def handle(self, *args: Any, **options: Any) -> Any:
        if not settings.DATABASES["default"]["ENGINE"].endswith("postgres"):
            return super().handle(*args, **options)
        from agentsite.postgres.patience import without_limit  # only where there is its driver

        with without_limit():
            return super().handle(*args, **options)
