"""Claims of many threads as one: what is asked for while one claim is under way is claimed together by the next.

Suspects, which crashed all their workers so far and have a last chance, are claimed one at a time: if the worker
crashes again, it is clear whose fault it is. A suspect that must wait stays as it is; the sweeper sends it again.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from uuid import UUID

from django.db import connection

from graphs_app.models import Run
from graphs_app.services import claims

AT_ONCE = 500


class Claiming:
    """The claims of one worker. Who finds nobody claiming leads: it claims for all who wait, then the next leads."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._lock = threading.Lock()
        self._is_led = False
        self._waiting: list[tuple[UUID, Future[Run | None], threading.Event]] = []
        self._suspect_lock = threading.Lock()
        self._suspect: UUID | None = None

    def claim(self, run_id: UUID) -> Run | None:
        """The run, if it is to be had. Blocks for a statement, or for two when another's is under way."""
        if connection.in_atomic_block:
            # What this transaction has written, no other thread could see.
            return claims.claim_run(run_id=run_id, owner=self._owner)
        found: Future[Run | None] = Future()
        turn = threading.Event()
        with self._lock:
            self._waiting.append((run_id, found, turn))
            leads, self._is_led = not self._is_led, True
        if not leads:
            turn.wait()
        if not found.done():
            self._lead()
        return found.result() or self._claim_suspect(run_id)

    def claim_each(self, run_ids: Sequence[UUID]) -> list[Run]:
        """Those of the runs that are to be had, by one statement."""
        claimed = claims.claim_unsuspected(run_ids=run_ids, owner=self._owner)
        found = list(claimed.values())
        for run_id in run_ids:
            if run_id not in claimed and (run := self._claim_suspect(run_id)) is not None:
                found.append(run)
        return found

    def clear(self, run_id: UUID) -> None:
        """The run is no longer suspect, or no longer here."""
        if self._suspect == run_id:
            self._suspect = None

    def _claim_suspect(self, run_id: UUID) -> Run | None:
        with self._suspect_lock:
            if self._suspect is not None:
                return None
            run = claims.claim_run(run_id=run_id, owner=self._owner)
            if run is not None:
                self._suspect = run_id
        return run

    def _lead(self) -> None:
        with self._lock:
            batch, self._waiting = self._waiting[:AT_ONCE], self._waiting[AT_ONCE:]
        try:
            claimed = claims.claim_unsuspected(run_ids=list({run_id for run_id, _, _ in batch}), owner=self._owner)
        except BaseException as error:
            for _, found, _ in batch:
                found.set_exception(error)
            raise
        else:
            # One that was asked for twice is given once.
            for run_id, found, _ in batch:
                found.set_result(claimed.pop(run_id, None))
        finally:
            self._hand_over(batch)

    def _hand_over(self, batch: Sequence[tuple[UUID, "Future[Run | None]", threading.Event]]) -> None:
        with self._lock:
            successor = self._waiting[0][2] if self._waiting else None
            self._is_led = successor is not None
        for _, _, turn in batch:
            turn.set()
        if successor is not None:
            successor.set()
