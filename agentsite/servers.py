"""How this site's clients of PostgreSQL and Redis are made: each with bounds, so that none waits for ever."""

import ssl
from typing import Any
from urllib.parse import urlsplit

REDIS = ("redis://", "rediss://", "unix://")
AMQP = ("amqp://", "amqps://", "pyamqp://")
HIGHEST_PRIORITY = 9
"""Of a run, as people say it: 0 waits longest."""


def postgres_options(*, connect_timeout_s: float, pool_min: int, pool_max: int, overflow: int) -> dict[str, Any]:
    pool = {"min_size": pool_min, "kept": pool_max, "max_size": pool_max + overflow, "timeout": connect_timeout_s}
    return {
        "connect_timeout": max(1, round(connect_timeout_s)),
        # A machine that is gone without a word is missed after twenty seconds.
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 2,
        "tcp_user_timeout": 20_000,
        "pool": pool,
    }


def caches(url: str, *, timeout_s: float, ca_file: str = "") -> dict[str, dict[str, Any]]:
    if url.startswith(REDIS):
        options = _redis_options(url, timeout_s) | redis_tls(url, ca_file)
        return {"default": {"BACKEND": "agentsite.redis_cache.Cache", "LOCATION": url, "OPTIONS": options}}
    local = "django.core.cache.backends.locmem.LocMemCache"
    return {"default": {"BACKEND": local, "OPTIONS": {"MAX_ENTRIES": 10_000}}}


def channel_layers(url: str, *, timeout_s: float, ca_file: str = "") -> dict[str, dict[str, Any]]:
    if url.startswith("memory"):
        return {"default": {"BACKEND": "agentsite.memory_layer.MemoryLayer"}}
    hosts = [{"address": url, **_redis_options(url, timeout_s), **redis_tls(url, ca_file)}]
    return {"default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": hosts}}}


def counts_priorities_upwards(broker_url: str) -> bool:
    """AMQP's most urgent message has the highest number, that of kombu's Redis and memory has 0."""
    return broker_url.startswith(AMQP)


def broker_options(url: str, *, timeout_s: float) -> dict[str, Any]:
    """Celery's transport options."""
    if url.startswith("memory"):
        return {}
    options: dict[str, Any] = {"max_retries": 0}  # of who publishes; a worker tries for ever
    if url.startswith("redis"):
        options |= _redis_options(url, timeout_s)
        options["visibility_timeout"] = 2 * 3600
        # Redis keeps a list for each step; with its usual four, neighbours would be equal.
        options["priority_steps"] = list(range(HIGHEST_PRIORITY + 1))
    return options


def redis_tls(url: str, ca_file: str) -> dict[str, Any]:
    """How a rediss:// is verified: by its name and a CA, this system's own where none is named."""
    if not url.startswith("rediss://"):
        return {}
    verified = {"ssl_cert_reqs": "required", "ssl_check_hostname": True}
    return verified | ({"ssl_ca_certs": ca_file} if ca_file else {})


def broker_tls(url: str, *, ca_file: str, redis_ca_file: str) -> dict[str, Any]:
    """How a broker's rediss:// or amqps:// is verified; by itself py-amqp would take any name that a CA speaks for."""
    if not url.startswith("amqps://"):
        return redis_tls(url, ca_file or redis_ca_file)
    # Of several URLs kombu takes the name of the one it tries; of one it would look for 127.0.0.1 on localhost's.
    name = None if ";" in url else urlsplit(url).hostname
    verified = {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": name}
    return verified | ({"ca_certs": ca_file} if ca_file else {})


def _redis_options(url: str, timeout_s: float) -> dict[str, Any]:
    options: dict[str, Any] = {"socket_timeout": timeout_s, "health_check_interval": 25}
    if not url.startswith("unix://"):
        options |= {"socket_connect_timeout": timeout_s, "socket_keepalive": True}
    return options
