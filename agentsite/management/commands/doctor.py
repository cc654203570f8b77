"""Looks at the settings and at every part that the site needs, and says what is wrong and what to do."""

import json
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, run_checks
from django.core.management.base import BaseCommand, CommandParser
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import DatabaseError, InterfaceError
from django.utils import timezone

from agentsite import health, open_files
from agentsite.health import Finding
from refine_app.routing.endpoints import Needs, rank
from refine_app.services.endpoints import callable_specs


class Command(BaseCommand):
    help = "Checks settings, database, broker, channel layer, workers and endpoints; exit code 1 if one is not well."
    requires_system_checks = ()  # it runs them itself, and shows them among the rest

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="For programs: one JSON document.")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = [_settings(), *health.findings(), _migrations(), _files(), *_endpoints()]
        if options["json"]:
            self._write_json(findings)
        else:
            for finding in findings:
                mark = self.style.SUCCESS("ok  ") if finding.ok else self.style.ERROR("FAIL")
                self.stdout.write(f"{mark} {finding.name:<14} {' '.join(finding.detail.split())}")
        if not all(finding.ok for finding in findings):
            raise SystemExit(1)

    def _write_json(self, findings: list[Finding]) -> None:
        document = {"ok": all(f.ok for f in findings), "checks": [finding.as_json() for finding in findings]}
        self.stdout.write(json.dumps(document, indent=2))


def _settings() -> Finding:
    found: list[CheckMessage] = [message for message in run_checks() if message.is_serious()]
    if found:
        said = "; ".join(f"{one.id}: {one.msg} {one.hint or ''}".strip() for one in found)
        return Finding("settings", False, 0.0, said)
    return Finding("settings", True, 0.0, f"{settings.ENVIRONMENT}; data in {settings.VAR_DIR}")


def _migrations() -> Finding:
    try:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except (DatabaseError, InterfaceError) as error:
        return Finding("migrations", False, 0.0, f"cannot be read: {error}")
    if missing:
        return Finding("migrations", False, 0.0, f"{len(missing)} are not applied; run: python manage.py migrate")
    return Finding("migrations", True, 0.0, "all applied")


def _files() -> Finding:
    """As this command may open them, which who serves may as well when it is started the same way."""
    files = open_files.raise_limit()
    enough = open_files.connections_within(files) >= min(open_files.FEW, settings.CONNECTIONS_MAX)
    return Finding("files", enough, 0.0, open_files.told(files))


def _endpoints() -> list[Finding]:
    """What answers requests; whether an endpoint really answers is asked by check_endpoints, which may cost money."""
    if settings.MODEL_ENDPOINT_URL and not settings.MODEL_ENDPOINT_MODEL:
        return [Finding("endpoints", False, 0.0, "MODEL_ENDPOINT_MODEL is not set")]
    try:
        specs = callable_specs(timezone.now())
    except (DatabaseError, InterfaceError):
        return [Finding("endpoints", False, 0.0, "cannot be read without the database")]
    if not specs:
        said = "no model is configured: the built-in rules answer (set HF_TOKEN, GROQ_API_KEY or MODEL_ENDPOINT_URL)"
        return [Finding("endpoints", True, 0.0, said)]
    first = rank(specs, Needs(prompt_tokens=0, max_tokens=0))[0].endpoint
    return [Finding("endpoints", True, 0.0, f"{first.model} by {first.slug} answers what asks for no other")]
