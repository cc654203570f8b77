"""Schemathesis against a running site, with all its checks, as a guest, as a member and as staff.

    python -m tests.agentsite.fuzz --seconds 600

It gets ids that exist, so that it reaches what is behind the 404s, and tokens of three people who share a session.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.servers.person import Person
from tests.servers.site import Site, alone

ROLES = ("guest", "member", "staff")
PASSWORD = "correct-horse-battery-staple"
TEXT = "import os\n\n\ndef add(a, b):\n    return a+b\n"
GRAPH: dict[str, Any] = {
    "v": 1,
    "name": "Count",
    "entry_node": "start",
    "nodes": [
        {"node_id": "start", "tool": "set_state", "config": {"values": {"n": 0}}},
        {"node_id": "ask", "tool": "ask_human", "config": {"question": "How many?", "write": "n"}},
    ],
    "edges": [{"from_node": "start", "to_node": "ask"}],
}
# What a correct document cannot say: that a name is taken, a text deceives, a graph has a node without a way to it.
STATUSES = {
    "positive_data_acceptance": ["2xx", "401", "403", "404", "409", "413", "422"],
    "negative_data_rejection": ["400", "401", "403", "404", "406", "409", "413", "422"],
}


def people_of(site: Site) -> dict[str, Person]:
    """A guest who owns a session, a member of it with a password, and staff."""
    code = (
        "from sessions_app.models import User\n"
        f"User.objects.create_user('mel', password={PASSWORD!r})\n"
        f"User.objects.create_superuser('sam', password={PASSWORD!r})\n"
    )
    made = site.manage("shell", "--command", code)
    assert made.returncode == 0, made.stderr
    stranger = Person(site)
    found = {"guest": Person(site, stranger.call("POST", "/v1/auth/guest", {"name": "Gus"})["access"])}
    for role, name in (("member", "mel"), ("staff", "sam")):
        tokens = stranger.call("POST", "/v1/auth/token", {"username": name, "password": PASSWORD})
        found[role] = Person(site, tokens["access"])
    return found


def what_is_there(people: Mapping[str, Person]) -> dict[str, list[Any]]:
    """Makes one of everything; its ids, by the names of the parameters."""
    guest, staff = people["guest"], people["staff"]
    session = guest.call("POST", "/v1/sessions", {"title": "Fuzzed", "language": "python", "text": TEXT})["id"]
    invite = guest.call("POST", f"/v1/sessions/{session}/invites", {"role": "editor"})
    for role in ("member", "staff"):
        joined = people[role].call("POST", f"/v1/invites/{invite['token']}/accept")
    guest.call("POST", f"/v1/sessions/{session}/revisions", {"name": "First"})
    asked = guest.call("POST", f"/v1/sessions/{session}/requests", {"intent": "refine_code", "instruction": "Tidy up"})
    guest.wait_for(f"/v1/runs/{asked['run']['id']}", until={"completed", "failed"})
    proposals = guest.call("GET", f"/v1/sessions/{session}/proposals")["results"]
    graph = guest.call("POST", "/v1/graphs", GRAPH)["slug"]
    redesign = guest.call("POST", f"/v1/graphs/{graph}/redesigns")
    run = guest.call("POST", "/v1/runs", {"graph": graph, "session": session})["id"]
    waiting = guest.wait_for(f"/v1/runs/{run}", until={"interrupted"})
    steps = guest.call("GET", f"/v1/runs/{run}/node-runs")["results"]
    staff.call("POST", "/v1/prompts", {"name": "fuzzed"})
    staff.call("POST", "/v1/prompts/fuzzed/versions", {"content": "Hello {{ who }}", "variables": {"who": {}}})
    named = guest.call("POST", f"/v1/sessions/{session}/members", {"user": "nobody", "role": "viewer"})
    budget = staff.call("POST", "/v1/budgets", {"scope": "site", "limit_usd": "5"})
    return {
        "session_id": [session],
        "user_id": [joined["user"]["id"]],
        "invite_id": [invite["id"]],
        "invitation_id": [named["id"]],
        "token": [invite["token"]],
        "request_id": [asked["id"]],
        "proposal_id": [one["id"] for one in [*proposals, redesign]],
        "run_id": [run, asked["run"]["id"]],
        "node_run_id": [one["id"] for one in steps],
        "task_id": [run],
        "budget_id": [budget["id"]],
        "key": [graph, "refine_code"],
        "path.name": ["fuzzed"],
        "path.version": ["1.0.0", "production"],
        "slug": ["builtin"],
        "number": [1, 2],
        "n": [1],
        "activation": [1],
        "query.from": ["1.0.0"],
        "query.to": ["1.0.0"],
        "query.cursor": [""],  # no other is one of every list
        "body.interrupt": [one["id"] for one in waiting["interrupts"]],
    }


def settings(there: Mapping[str, list[Any]]) -> str:
    """A configuration file for schemathesis."""
    lines = []
    for check, statuses in STATUSES.items():
        lines += [f"[checks.{check}]", f"expected-statuses = {json.dumps(statuses)}"]
    for at, values in enumerate(there.values()):
        lines += [f"[dictionaries.d{at}]", f"values = {json.dumps(values)}"]
    lines.append("[parameters]")
    for at, name in enumerate(there):
        probability = 1.0 if name == "query.cursor" else 0.8
        lines.append(f'"{name}" = {{dictionary = "d{at}", probability = {probability}}}')
    return "\n".join(lines) + "\n"


def fuzz(site: Site, *, seconds: int, seed: int) -> "dict[str, subprocess.CompletedProcess[str]]":
    """Runs it as each of the three; by role, what it said and how it ended."""
    people = people_of(site)
    there = what_is_there(people)
    with tempfile.TemporaryDirectory() as folder:
        config, schema = Path(folder) / "schemathesis.toml", Path(folder) / "openapi.json"
        config.write_text(settings(there))
        schema.write_text(json.dumps(_named_answers(people["guest"].call("GET", "/v1/schema?format=json"))))
        return {role: _run(site, people[role], config, schema, seconds, seed) for role in ROLES}


def _named_answers(document: Any) -> Any:
    """The document without its `default` answers, which would cover any status that is not named."""
    for item in document["paths"].values():
        for operation in item.values():
            operation.get("responses", {}).pop("default", None)
    return document


def _run(
    site: Site, person: Person, config: Path, schema: Path, seconds: int, seed: int
) -> "subprocess.CompletedProcess[str]":
    command = [
        *(str(Path(sys.executable).parent / "schemathesis"), "--config-file", str(config), "run", str(schema)),
        *("--url", site.url, "--header", f"Authorization: Bearer {person.token}", "--seed", str(seed)),
        *("--max-time", str(seconds), "--continue-on-failure", "--request-timeout", "30", "--warnings", "off"),
        *("--suppress-health-check", "all", "--phases", "examples,coverage,fuzzing"),
    ]
    environment = {"PATH": os.environ["PATH"], "HOME": str(config.parent), "LANG": "C.UTF-8"}
    return subprocess.run(
        command, env=environment, cwd=config.parent, capture_output=True, text=True, timeout=seconds + 300, check=False
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=600, help="for each of the three")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    asked = parser.parse_args()
    with alone() as site:
        ended = fuzz(site, seconds=asked.seconds, seed=asked.seed)
    for role, one in ended.items():
        print(f"=== as {role}: {one.returncode}\n{one.stdout}{one.stderr}")
    return max(abs(one.returncode) for one in ended.values())


if __name__ == "__main__":
    sys.exit(main())
