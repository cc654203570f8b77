"""`manage.py refine FILE --instruction "…"`: what the workspace does, from a shell and on one file.

Progress goes to stderr, the diff (or the review's summary) to stdout; characters that nobody sees are shown as code
points, but for --patch and --json, which are for programs. Exit codes: 0 done, also when there is nothing
to change; 1 the run failed; 2 the file or the instruction cannot be used; 3 --write left something out, because the
file was changed meanwhile; 130 stopped by Ctrl-C, 143 by SIGTERM, and nothing was changed.
"""

import json
import os
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, ProgrammingError
from django.utils import timezone

from graphs_app.management.rounds import Rounds
from graphs_app.management.told_once import ToldOnce, of_database, quiet_log
from graphs_app.models import Run, RunStatus
from refine_app.diffs.unified import make_diff
from refine_app.management.one_shot import Asked, ask, endpoints_asked, operator, temporary_session
from refine_app.models import HunkStatus, Proposal
from refine_app.services.decisions import accept_hunks
from refine_app.services.requests import ASKABLE, AUTO
from refine_app.tools.languages import detect_language
from sessions_app.errors import DomainError
from sessions_app.invisible_characters import shown
from sessions_app.plurals import counted
from sessions_app.services import documents
from sessions_app.stopping import Stop, tidily

FAILED, UNUSABLE, LEFT_OUT = 1, 2, 3


class Command(BaseCommand):
    help = "Refines one file: prints the diff, or applies it with --write."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--instruction", "-i", required=True, help="What is to be done.")
        parser.add_argument("--intent", default=AUTO, choices=ASKABLE)
        parser.add_argument("--language", default="", help="The file's language; by its ending when left out.")
        output = parser.add_mutually_exclusive_group()
        output.add_argument("--write", action="store_true", help="Apply the diff to the file.")
        output.add_argument("--patch", action="store_true", help="Print the diff for `git apply`, never in colours.")
        parser.add_argument("--json", action="store_true", dest="as_json", help="Print one JSON object to stdout.")

    def handle(self, *args: Any, **options: Any) -> None:
        self._progress = ToldOnce(self.stderr.write)
        self._rounds = Rounds()
        file: Path = options["file"]
        text = self._read(file)
        language = detect_language(text, declared=options["language"], filename=file.name)
        try:
            with (
                quiet_log(options["verbosity"]),
                tidily() as stop,
                temporary_session(title=shown(file.name), language=language, text=text) as session,
            ):
                self._end_if(stop.is_told(), stop)
                asked = ask(
                    session=session,
                    intent=options["intent"],
                    instruction=options["instruction"],
                    on_event=self._tell,
                    stop=stop,
                )
                self._work(asked, file, text, options)
        except DomainError as error:
            self._fail(error.message, UNUSABLE)
        except (OperationalError, ProgrammingError) as error:
            self._fail(of_database(error), UNUSABLE)

    def _work(self, asked: Asked, file: Path, text: str, options: dict[str, Any]) -> None:
        run = asked.run_to_its_end()
        self._progress.end(shown(str((run.error or {}).get("message", ""))))
        self._end_if(not asked.stop.pass_no_return(), asked.stop)
        proposal = asked.proposal()
        diff = make_diff(text, proposal.new_text, filename=_shown_name(file)).patch if proposal else ""
        left_out = self._write(file, text, proposal) if options["write"] and proposal else []
        if options["as_json"]:
            written = bool(options["write"] and diff)
            self.stdout.write(json.dumps(_as_json(asked, run, proposal, diff, written, left_out)))
        else:
            self._show(run, proposal, diff, options)
        if run.status != RunStatus.COMPLETED:
            called = "".join(f"\n{line}" for line in endpoints_asked(run))
            self._fail(f"The run {run.status}: {_message(run)}{called}", FAILED)
        if left_out:
            self._fail("Left out, because the file was changed meanwhile:\n" + "\n".join(left_out), LEFT_OUT)

    # In ---------------------------------------------------------------------------------------------

    def _read(self, file: Path) -> str:
        try:
            return file.read_bytes().decode()
        except OSError as error:
            self._fail(f"{str(file)!r} cannot be read: {error.strerror}.", UNUSABLE)
        except UnicodeDecodeError as error:
            self._fail(f"{str(file)!r} is not UTF-8 text: byte {error.start} cannot be read.", UNUSABLE)

    # Out --------------------------------------------------------------------------------------------

    def _tell(self, frame: dict[str, Any]) -> None:
        data = frame["data"]
        match frame["type"]:
            case "node.started":
                self._rounds.name(frame)
            case "node.completed":
                line = f"  done    {self._rounds.name(frame)} ({data['duration_ms'] / 1000:.1f} s)"
                self._progress.say(shown(line))
            case "node.failed" | "node.retried":
                line = shown(f"  failed  {self._rounds.name(frame)}")
                self._progress.failed(line, shown(data["error"].get("message", "")))
            case "proposal.created":
                self._progress.say(shown(f"{counted(data['hunks'], 'hunk')}: {data['summary']}"))

    def _show(self, run: Run, proposal: Proposal | None, diff: str, options: dict[str, Any]) -> None:
        if proposal is None:
            summary = (run.state or {}).get("summary")
            if isinstance(summary, str) and summary:
                self.stdout.write(shown(summary))
            return
        for check in proposal.checks:
            if check["verdict"] == "failed":
                self.stderr.write(self.style.WARNING(shown(f"{check['name']}: {check['detail']}")))
        if not diff:
            self.stderr.write("Nothing to change.")
        elif not options["write"]:
            self.stdout.write(diff if options["patch"] else self._coloured(diff), ending="")

    def _coloured(self, diff: str) -> str:
        paint = {"+": self.style.SUCCESS, "-": self.style.ERROR, "@": self.style.HTTP_INFO}
        lines = shown(diff, code=True).split("\n")
        return "\n".join(paint[line[0]](line) if line[:1] in paint else line for line in lines)

    def _write(self, file: Path, text: str, proposal: Proposal) -> list[str]:
        """Merges the proposal into the file as it is now; returns what did not fit."""
        now_there = self._read(file)
        if now_there != text:
            documents.replace_text(user=operator(), session_id=proposal.session_id, text=now_there)
        if not proposal.hunks.exists():
            return []
        decided = accept_hunks(user=operator(), proposal_id=proposal.pk, now=timezone.now())
        merged = documents.read(user=operator(), session_id=proposal.session_id).text
        if merged != now_there:
            _replace(file, merged)
        return [f"{hunk.header}: {hunk.reason}" for hunk in decided.hunks.all() if hunk.status == HunkStatus.CONFLICTED]

    def _end_if(self, is_told: bool, stop: Stop) -> None:
        if is_told:
            self._fail("Stopped; nothing was changed.", stop.exit_code)

    def _fail(self, message: str, code: int) -> NoReturn:
        raise CommandError(shown(message), returncode=code)


def _replace(file: Path, text: str) -> None:
    """Puts a whole new file in the old one's place, with its permissions: a crash leaves one or the other."""
    target = file.resolve()
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as new:
            new.write(text.encode())
            new.flush()
            os.fsync(new.fileno())
        os.chmod(name, target.stat().st_mode)
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _shown_name(file: Path) -> str:
    """The file as seen from here, which is where `git apply` looks for it; its name when it lies elsewhere."""
    shown = os.path.relpath(file)
    return file.name if shown.startswith(os.pardir) else shown


def _message(run: Run) -> str:
    return str((run.error or {}).get("message", "it says no more"))


def _as_json(
    asked: Asked, run: Run, proposal: Proposal | None, diff: str, written: bool, left_out: list[str]
) -> dict[str, Any]:
    return {
        "intent": asked.request.intent,
        "routing_reason": asked.request.routing_reason,
        "status": run.status,
        "error": run.error,
        "summary": proposal.summary if proposal else (run.state or {}).get("summary", ""),
        "checks": proposal.checks if proposal else [],
        "endpoint": proposal.endpoint if proposal else "",
        "hunks": proposal.hunks.count() if proposal else 0,
        "diff": diff,
        "written": written,
        "left_out": left_out,
        "tokens": {"prompt": run.prompt_tokens, "completion": run.completion_tokens},
        "cost_usd": None if run.cost_usd is None else str(run.cost_usd),
    }
