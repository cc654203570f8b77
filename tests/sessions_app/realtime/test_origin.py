import pytest
from django.test import override_settings

from sessions_app.realtime.origin import is_own


def headers(host: str, **more: str) -> list[tuple[bytes, bytes]]:
    given = {"host": host} | {name.replace("_", "-"): value for name, value in more.items()}
    return [(name.encode(), value.encode()) for name, value in given.items()]


@pytest.mark.parametrize(
    ("origin", "host", "scheme", "own"),
    [
        ("http://localhost:8000", "localhost:8000", "ws", True),
        ("http://LOCALHOST:8000", "localhost:8000", "ws", True),
        ("http://localhost", "localhost", "ws", True),
        ("http://localhost:80", "localhost", "ws", True),
        ("https://localhost", "localhost:443", "wss", True),
        ("http://[::1]:8000", "[::1]:8000", "ws", True),
        ("http://localhost", "localhost", "wss", False),
        ("https://localhost", "localhost", "ws", False),
        ("http://localhost:8001", "localhost:8000", "ws", False),
        ("http://127.0.0.1:8000", "localhost:8000", "ws", False),
        ("http://evil.example", "evil.example", "ws", False),
        ("null", "localhost", "ws", False),
        ("file://", "localhost", "ws", False),
        ("http://localhost:99999", "localhost:99999", "ws", False),
        ("http://user@localhost", "localhost", "ws", False),
        ("http://localhost/", "localhost", "ws", False),
        ("http://[::1", "localhost", "ws", False),
        ("http://localhost", "", "ws", False),
    ],
)
def test_only_the_sites_own_scheme_host_and_port_are_own(origin: str, host: str, scheme: str, own: bool) -> None:
    with override_settings(ALLOWED_HOSTS=["localhost", "127.0.0.1", "[::1]"]):
        assert is_own(origin, headers(host), scheme) is own


@pytest.mark.parametrize(
    ("origin", "own"),
    [
        ("https://site.example", True),
        ("https://sub.site.example", True),
        ("https://deep.sub.site.example", True),
        ("https://evilsite.example", False),
        ("https://site.example.evil.example", False),
        ("http://sub.site.example", False),
        ("https://sub.site.example:444", False),
    ],
)
def test_origins_that_settings_trust_are_own(origin: str, own: bool) -> None:
    trusted = ["https://site.example", "https://*.site.example"]
    with override_settings(ALLOWED_HOSTS=["inner"], CSRF_TRUSTED_ORIGINS=trusted):
        assert is_own(origin, headers("inner"), "ws") is own


def test_a_proxys_word_for_tls_is_believed_only_when_settings_say_so() -> None:
    behind = headers("site.example", x_forwarded_proto="https")
    with override_settings(ALLOWED_HOSTS=["site.example"]):
        with override_settings(SECURE_PROXY_SSL_HEADER=None):
            assert not is_own("https://site.example", behind, "ws")
        with override_settings(SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https")):
            assert is_own("https://site.example", behind, "ws")
