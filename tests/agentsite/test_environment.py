"""Settings that cannot be meant are refused by name, before anything starts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from agentsite.environment import Environment

ROOT = Path(__file__).resolve().parents[2]


class Given(Environment):
    """With an environment of the test's own."""

    def __init__(self, **variables: str) -> None:
        super().__init__()
        self.ENVIRON = variables


def test_what_is_given_is_read_and_what_is_not_has_its_default() -> None:
    env = Given(COUNT=" 12 ", SHARE="0.25", SWITCH="Off", OTHER="yes")
    assert env.int("COUNT", default=3) == 12
    assert env.float("SHARE", default=1.0) == 0.25
    assert env.bool("SWITCH", default=True) is False
    assert env.bool("OTHER", default=False) is True
    assert env.int("MISSING", default=3) == 3
    assert env.float("MISSING", default=None) is None
    assert env.port("PORT", default=8000) == 8000


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("int", "abc", "WHAT='abc' has to be a whole number"),
        ("int", "2O", "WHAT='2O' has to be a whole number"),
        ("float", "5x", "WHAT='5x' has to be a number"),
        ("float", "nan", "WHAT='nan' has to be a number"),
        ("bool", "ture", "WHAT='ture' has to be one of true"),
        ("port", "70000", "WHAT=70000 has to be a port"),
    ],
)
def test_what_cannot_be_meant_is_named(kind: str, value: str, said: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=said):
        getattr(Given(WHAT=value), kind)("WHAT", default=1)


def test_a_command_says_it_in_words(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "serve"],
        env={"PATH": os.environ["PATH"], "VAR_DIR": str(tmp_path), "ENV_FILE": os.devnull, "PORT": "abc"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "PORT='abc' has to be a whole number" in done.stderr
    assert "Traceback" not in done.stderr
