"""Secrets are masked where texts are kept, and nothing else is."""

import pytest

from refine_app.safety.redaction import MASK, redact


@pytest.mark.parametrize(
    "secret",
    [
        "hf_" + "a1B2" * 8,
        "sk-" + "proj-" + "x9" * 20,
        "ghp_" + "Z0" * 18,
        "github_pat_" + "a_1" * 12,
        "glpat-" + "q" * 20,
        "xoxb-" + "12-ab" * 4,
        "AKIA" + "Q7" * 8,
        "AIza" + "s" * 35,
        "eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl",
        "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\nDEK-Info: AES-128-CBC,0--1\n\nabc\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_what_can_only_be_a_secret_by_its_form_is_masked(secret: str) -> None:
    assert redact(f"x = '{secret}'  # mine") == f"x = '{MASK}'  # mine"


def test_the_password_in_an_address_is_masked_and_the_address_stays() -> None:
    assert redact("postgres://ana:s3cret@db.example/site") == f"postgres://{MASK}@db.example/site"
    assert redact("see https://docs.example/a:b and mail@docs.example") == (
        "see https://docs.example/a:b and mail@docs.example"
    )


def test_known_secrets_are_masked_whatever_their_form_and_short_ones_are_left() -> None:
    assert redact("the canary-1234 sings of one", ["canary-1234", "one", ""]) == f"the {MASK} sings of one"


def test_code_that_only_looks_a_little_like_secrets_stays_as_it_is() -> None:
    code = "hf_hub = task_for(sk_learn)\nflask-admin\nhigh_eyJ = 'BEGIN PRIVATE KEY'\n"
    assert redact(code) == code
