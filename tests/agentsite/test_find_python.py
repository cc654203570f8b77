"""Which Python the environment is made with: the newest that is supported, runs, and can make environments."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NO_VENV = "no-venv"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder to be the only one that commands are found in."""
    (tmp_path / "bin").mkdir()
    return tmp_path / "bin"


def put(machine: Path, name: str, version: str, kind: str = "") -> str:
    """A command that answers as a Python of this version would."""
    command = machine / name
    no_venv = '*ensurepip*) echo "No module named ensurepip" >&2; exit 1 ;;' if kind == NO_VENV else ""
    version = "exit 127" if kind == "shim" else f"echo {version}"
    command.write_text(f'#!/bin/sh\ncase "$*" in {no_venv} *version_info*) {version} ;; esac\n')
    command.chmod(0o755)
    return str(command)


def found(machine: Path, *arguments: str, python: str = "") -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(machine), "HOME": str(machine), "PYTHON": python}
    return subprocess.run(
        ["/bin/sh", str(ROOT / "deploy" / "find_python"), *arguments], env=environment, capture_output=True, text=True
    )


def test_the_newest_that_is_supported_is_taken(machine: Path) -> None:
    put(machine, "python3.11", "3.11")
    newest = put(machine, "python3.13", "3.13")
    put(machine, "python3.14", "3.14")
    put(machine, "python3", "3.14")
    assert found(machine).stdout == f"{newest}\n"


def test_the_distributions_python3_is_taken_when_it_is_one_of_them(machine: Path) -> None:
    python3 = put(machine, "python3", "3.12")
    assert found(machine).stdout == f"{python3}\n"


def test_one_that_does_not_run_or_makes_no_environments_is_passed_over(machine: Path) -> None:
    put(machine, "python3.13", "3.13", "shim")
    put(machine, "python3.12", "3.12", NO_VENV)
    works = put(machine, "python3.11", "3.11")
    assert found(machine).stdout == f"{works}\n"
    assert found(machine, "--all").stdout == f"{works}\n"


def test_all_are_one_of_each_version_and_pyenvs_are_among_them(machine: Path) -> None:
    kept = machine / ".pyenv" / "versions" / "3.12.1" / "bin"
    kept.mkdir(parents=True)
    pyenvs = put(kept, "python", "3.12")
    newest = put(machine, "python3.13", "3.13")
    put(machine, "python3", "3.13")
    assert found(machine, "--all").stdout.split() == [newest, pyenvs]


def test_what_is_missing_is_named_with_its_package(machine: Path) -> None:
    none = found(machine)
    assert (none.returncode, none.stdout) == (1, "")
    assert "3.11, 3.12 or 3.13" in none.stderr
    put(machine, "python3", "3.13", NO_VENV)
    without = found(machine)
    assert (without.returncode, without.stdout) == (1, "")
    assert "apt-get install python3.13-venv" in without.stderr


@pytest.mark.parametrize(
    ("version", "kind", "says"), [("3.10", "", "is 3.10"), ("3.12", "shim", "does not run"), ("3.12", NO_VENV, "venv")]
)
def test_the_one_that_is_asked_for_is_taken_or_refused_with_the_reason(
    machine: Path, version: str, kind: str, says: str
) -> None:
    put(machine, "python3.13", "3.13")
    good = put(machine, "good", "3.11")
    assert found(machine, python=good).stdout == f"{good}\n"
    refused = found(machine, python=put(machine, "bad", version, kind))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert says in refused.stderr


def test_an_environment_fits_unless_its_python_is_gone_or_another_is_asked_for(machine: Path) -> None:
    older, newer = put(machine, "older", "3.11"), put(machine, "newer", "3.13")
    assert found(machine, "--fits", older).stdout == "yes\n"
    assert found(machine, "--fits", older, python=newer).stdout == "no\n"
    assert found(machine, "--fits", str(machine / "gone")).stdout == "no\n"
    assert found(machine, "--fits", put(machine, "old", "3.10")).stdout == "no\n"


@pytest.mark.parametrize(("version", "kind"), [("3.10", ""), ("3.12", "shim")])
def test_an_environment_is_not_judged_by_a_python_that_cannot_be_used(machine: Path, version: str, kind: str) -> None:
    has = put(machine, "python", "3.11")
    judged = found(machine, "--fits", has, python=put(machine, "bad", version, kind))
    assert (judged.returncode, judged.stdout) == (1, "")


def test_what_the_project_declares_is_what_the_search_takes() -> None:
    assert 'requires-python = ">=3.11,<3.14"' in (ROOT / "pyproject.toml").read_text()
    assert 'SUPPORTED="3.13 3.12 3.11"' in (ROOT / "deploy" / "find_python").read_text()
    assert os.access(ROOT / "deploy" / "find_python", os.X_OK)
