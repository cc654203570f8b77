"""System checks: each has an id and a hint, and production does not start without them."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import Error
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from agentsite import checks

ROOT = Path(__file__).resolve().parents[2]
SOUND: dict[str, Any] = {
    "ENVIRONMENT": "production",
    "DEBUG": False,
    "SECRET_KEY_IS_GENERATED": False,
    "ALLOWED_HOSTS": ["site.example.org"],
    "SECURE_TLS": True,
    "BEHIND_PROXY": True,
    "BROKER_URL": "redis://cache/0",
    "EMBEDDED_WORKER": False,
    "CHANNEL_LAYER_URL": "redis://cache/1",
    "CACHE_URL": "redis://cache/2",
}


def found(**changed: Any) -> dict[str, str]:
    with override_settings(**(SOUND | changed)):
        return {str(one.id): str(one.hint) for one in (*checks.production_is_closed(), *checks.parts_fit_together())}


def test_a_sound_production_has_nothing_to_complain_of() -> None:
    assert found() == {}


@pytest.mark.parametrize(
    ("changed", "id"),
    [
        ({"DEBUG": True}, "agentsite.E001"),
        ({"SECRET_KEY_IS_GENERATED": True}, "agentsite.E002"),
        ({"ALLOWED_HOSTS": ["*"]}, "agentsite.E003"),
        ({"ALLOWED_HOSTS": []}, "agentsite.E003"),
        ({"SECURE_TLS": False}, "agentsite.W001"),
        ({"BEHIND_PROXY": False, "HOST": "127.0.0.1"}, "agentsite.W002"),
        ({"ENVIRONMENT": "staging"}, "agentsite.E004"),
        ({"BROKER_URL": "memory://"}, "agentsite.E005"),
        ({"CHANNEL_LAYER_URL": "memory://"}, "agentsite.E006"),
        ({"CACHE_URL": "locmem://"}, "agentsite.E006"),
        ({"SESSION_WARNING_S": 900, "SESSION_MAX_TTL_S": 900}, "agentsite.E007"),
        ({"LOG_FORMAT": "xml"}, "agentsite.E008"),
    ],
)
def test_a_fault_has_its_id_and_a_hint(changed: dict[str, Any], id: str) -> None:
    assert list(found(**changed)) == [id]
    assert found(**changed)[id]


def test_the_embedded_form_needs_no_redis() -> None:
    embedded = {"EMBEDDED_WORKER": True, "BROKER_URL": "memory://"}
    assert found(**embedded, CHANNEL_LAYER_URL="memory://", CACHE_URL="locmem://") == {}


def test_every_error_is_told_at_once_to_servers_that_run_no_checks() -> None:
    with (
        override_settings(**(SOUND | {"DEBUG": True, "ALLOWED_HOSTS": ["*"]})),
        pytest.raises(ImproperlyConfigured, match=r"(?s)E001.*E003"),
    ):
        checks.refuse_unsafe_production()


def test_a_warning_alone_does_not_stop_the_site() -> None:
    with override_settings(**(SOUND | {"SECURE_TLS": False})):
        checks.refuse_unsafe_production()
        assert not any(isinstance(one, Error) for one in checks.production_is_closed())


@pytest.mark.parametrize("command", ["check", "serve"])
def test_production_refuses_to_start_with_a_development_secret(command: str, tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "VAR_DIR": str(tmp_path), "ENV_FILE": os.devnull}
    environment |= {"ENVIRONMENT": "production", "ALLOWED_HOSTS": "site.example.org"}
    done = subprocess.run(
        [sys.executable, "manage.py", command], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "agentsite.E002" in done.stderr
    assert "at least 50 random characters" in done.stderr
    assert "Traceback" not in done.stderr
