"""`manage.py check_endpoints [SLUG …]`: asks each endpoint that can be called one small question. It may cost money."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from refine_app.services.endpoints import known_endpoints
from refine_app.services.probes import Probe, probe_endpoint
from sessions_app.invisible_characters import shown

SHOWN = ("model", "status", "latency_ms", "reason", "quirks")


class Command(BaseCommand):
    help = "Asks each model endpoint one small question; exit code 1 if one does not answer."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", nargs="*", help="Which; all that can be called when left out.")
        parser.add_argument("--json", action="store_true", help="For programs: one JSON document.")

    def handle(self, *args: Any, **options: Any) -> None:
        slugs = options["slug"] or [known.endpoint.slug for known in known_endpoints() if not known.why_off]
        probes = [probe_endpoint(user=None, slug=slug) for slug in slugs]
        if options["json"]:
            rows = [{"endpoint": p.slug} | {name: getattr(p, name) for name in SHOWN} for p in probes]
            self.stdout.write(json.dumps({"ok": all(p.ok for p in probes), "endpoints": rows}, indent=2))
        else:
            for probe in probes:
                self.stdout.write(self._line(probe))
            if not probes:
                self.stdout.write("No model endpoint can be called: the built-in rules answer (set HF_TOKEN).")
        if not all(probe.ok for probe in probes):
            raise SystemExit(1)

    def _line(self, probe: Probe) -> str:
        quirks = f"; {shown(probe.quirks)}" if probe.quirks else ""
        if probe.ok:
            return f"{self.style.SUCCESS('ok  ')} {probe.slug:<14} {probe.model}, {probe.latency_ms:.0f} ms{quirks}"
        return f"{self.style.ERROR('FAIL')} {probe.slug:<14} {probe.status}: {shown(probe.reason)}{quirks}"
