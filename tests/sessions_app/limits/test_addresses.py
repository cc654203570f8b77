"""A caller's address is what the connection or our own proxy says, never what the caller writes."""

import pytest
from django.test import RequestFactory
from pytest_django import Settings

from sessions_app.limits import addresses

pytestmark = pytest.mark.once


def seen(direct: str, forwarded: str | None = None) -> str:
    more = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    by_request = addresses.of_request(RequestFactory().get("/", REMOTE_ADDR=direct, **more))
    headers = [] if forwarded is None else [(b"x-forwarded-for", forwarded.encode("latin-1"))]
    by_scope = addresses.of_scope({"client": (direct, 4711) if direct else None, "headers": headers})
    assert by_request == by_scope
    return by_request


def test_without_a_proxy_the_header_means_nothing() -> None:
    assert seen("192.0.2.7") == "192.0.2.7"
    assert seen("192.0.2.7", "198.51.100.1") == "192.0.2.7"


@pytest.mark.parametrize(
    ("forwarded", "is_counted_as"),
    [
        ("198.51.100.1", "198.51.100.1"),
        ("1.1.1.1, 2.2.2.2,198.51.100.1", "198.51.100.1"),
        ("127.0.0.1, 198.51.100.1 ", "198.51.100.1"),
        ("", "127.0.0.1"),
        ("nonsense", "127.0.0.1"),
        ("198.51.100.1,", "127.0.0.1"),
        ("198.51.100.1, \x00", "127.0.0.1"),
    ],
)
def test_behind_a_proxy_only_what_it_appended_counts(settings: Settings, forwarded: str, is_counted_as: str) -> None:
    settings.BEHIND_PROXY = True
    assert seen("127.0.0.1", forwarded) == is_counted_as


def test_a_header_sent_twice_is_one_that_the_proxy_appended_to(settings: Settings) -> None:
    settings.BEHIND_PROXY = True
    twice = [(b"X-Forwarded-For", b"1.1.1.1"), (b"x-forwarded-for", b"2.2.2.2, 198.51.100.1")]
    assert addresses.of_scope({"client": ("127.0.0.1", 1), "headers": twice}) == "198.51.100.1"


def test_ipv6_counts_by_what_one_customer_has() -> None:
    assert seen("2001:db8:1:2::1") == seen("2001:db8:1:2:ffff:ffff:ffff:ffff") == "2001:db8:1:2::/64"
    assert seen("2001:db8:1:3::1") != seen("2001:db8:1:2::1")
    assert seen("fe80::1%eth0") == "fe80::/64"


def test_ipv4_in_ipv6_is_the_ipv4_address() -> None:
    assert seen("::ffff:192.0.2.7") == "192.0.2.7"


def test_who_has_no_address_is_counted_all_the_same() -> None:
    assert seen("") == addresses.UNKNOWN


def test_what_is_kept_of_an_address_does_not_tell_it(settings: Settings) -> None:
    kept = addresses.digest("192.0.2.7")
    assert "192" not in kept or len(kept) == 32
    assert kept == addresses.digest("192.0.2.7") != addresses.digest("192.0.2.8")
    settings.SECRET_KEY = "another one, of another site"
    assert addresses.digest("192.0.2.7") != kept
