"""What a command says on stderr while a run goes on, so that no error is told twice."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class ToldOnce:
    """Lines of progress. A failure is held back until it is known whether the run ends with the same words."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self._held: tuple[str, str] | None = None
        self._last = ""

    def say(self, line: str) -> None:
        self._release()
        self._write(line)

    def failed(self, line: str, message: str) -> None:
        self._release()
        self._held = (line, message)

    def end(self, told_at_the_end: str = "") -> None:
        """Before the run's own error is told, if it has one."""
        self._release(told_at_the_end)

    def _release(self, told_at_the_end: str = "") -> None:
        if self._held is None:
            return
        line, message = self._held
        self._held = None
        if message and message in told_at_the_end:
            self._write(line)
        elif message and message == self._last:
            self._write(f"{line}: as before")
        else:
            self._write(f"{line}: {message}" if message else line)
        self._last = message


def of_database(error: Exception) -> str:
    """In one line, that a command's database cannot be used."""
    return f"The database cannot be used ({' '.join(str(error).split())}); has `manage.py migrate` been run?"


@contextmanager
def quiet_log(verbosity: int) -> Iterator[None]:
    """The log of runs, which says what the command says, is for servers: it is shown from --verbosity 2 on."""
    log = logging.getLogger("graphs_app")
    before = log.level
    if verbosity < 2:
        log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)
