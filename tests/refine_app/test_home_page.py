"""The form of a new session: whose language it is when nobody chooses one."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import resolve

from sessions_app.models import Session
from tests.refine_app.cast import Cast, make_cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


@pytest.fixture
def client(cast: Cast) -> Client:
    client = Client()
    client.force_login(cast.ana)
    return client


def opened(client: Client, form: dict[str, Any]) -> Session:
    answer = client.post("/sessions/", form)
    assert answer.status_code == 302
    return Session.objects.get(pk=resolve(answer.headers["Location"]).kwargs["session_id"])


def test_the_form_offers_to_detect_the_language_first(client: Client) -> None:
    assert '<option value="auto" selected>' in client.get("/").content.decode()


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"title": "", "language": "auto", "text": "all: a\r\n\tcc a.c\r\n"}, "makefile"),
        ({"title": "Dockerfile", "language": "auto", "text": ""}, "dockerfile"),
        ({"title": "", "language": "auto", "text": "Dear Ana,\r\nhello\r\n"}, "text"),
        ({"title": "", "text": "import os\r\n\r\nprint(os.getcwd())\r\nfrom sys import argv\r\n"}, "python"),
        ({"title": "Makefile", "language": "go", "text": "all: a\r\n"}, "go"),
        ({"title": "", "language": "text", "text": "import os\r\n"}, "text"),
    ],
)
def test_a_session_has_the_language_that_was_chosen_or_is_told(
    client: Client, form: dict[str, str], expected: str
) -> None:
    assert opened(client, form).language == expected


@pytest.mark.parametrize(
    ("name", "expected"), [("values.yml", "yaml"), ("a.ipynb", "notebook"), ("CMakeLists.txt", "cmake")]
)
def test_a_chosen_file_tells_its_language_by_its_name(client: Client, name: str, expected: str) -> None:
    form = {"title": "", "language": "auto", "text": "", "file": SimpleUploadedFile(name, b"a")}
    assert opened(client, form).language == expected
