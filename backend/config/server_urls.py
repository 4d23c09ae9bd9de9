"""Validate the URLs of the database and of Redis; errors do not contain parts that could be a password."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qs, urlsplit

_DATABASE_SCHEMES: Final = ("postgresql", "postgres")
_REDIS_SCHEMES: Final = ("redis", "rediss", "unix")


def require_database(url: str) -> None:
    """Check that the URL names one PostgreSQL server.

    Raises:
        ValueError: The URL is not valid.
    """
    scheme, separator, _ = url.partition("://")
    if not separator or scheme.partition("+")[0] not in _DATABASE_SCHEMES:
        raise ValueError(
            "it must be the URL of a PostgreSQL server: postgresql://USER:PASSWORD@HOST:PORT/DATABASE."
        )
    _require_one_server(url, "PostgreSQL: set it to the primary server, or to a pooler in front of it")


def require_redis(url: str) -> None:
    """Check that the URL names one Redis or Valkey server.

    Raises:
        ValueError: The URL is not valid.
    """
    scheme, separator, _ = url.partition("://")
    if not separator or scheme not in _REDIS_SCHEMES:
        raise ValueError(
            "it must be the URL of one Redis or Valkey server: redis://, rediss:// or unix://. Clusters and sentinels "
            "are not supported."
        )
    if scheme != "unix":
        _require_one_server(url, "Redis: clusters and sentinels are not supported")


def _require_one_server(url: str, what: str) -> None:
    parts = urlsplit(url)
    hosts = [host for value in parse_qs(parts.query).get("host", []) for host in value.split(",")]
    if "," in parts.netloc.rpartition("@")[2] or len(hosts) > 1:
        raise ValueError(f"it must name one server of {what}.")
    try:
        _ = parts.port
    except ValueError:
        raise ValueError("its port must be a number from 0 to 65535.") from None
