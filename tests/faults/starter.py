"""The process that starts runs for the tests of a module: one, because to import the site costs seconds."""

import json
import select
import subprocess
import sys
from typing import Any

from tests.servers.site import ROOT, Site

WITHIN_S = 90.0


class Starter:
    """Started when it is first asked; killed with its site."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._process: subprocess.Popen[str] | None = None

    def start(self, **command: Any) -> dict[str, Any]:
        """What tests.faults.start answers."""
        process = self._process or self._spawn()
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the starter has pipes")
        process.stdin.write(json.dumps(command) + "\n")
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], WITHIN_S)
        line = process.stdout.readline() if ready else ""
        assert line, f"the starter does not answer:\n{self._site.log('starter')[-4000:]}"
        answer: dict[str, Any] = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _spawn(self) -> "subprocess.Popen[str]":
        with (self._site.var_dir / "starter.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.start"],
                env=self._site.environment,
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        return self._process
