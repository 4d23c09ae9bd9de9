"""Find PostgreSQL and Redis on the default ports of this host, and print their URLs for a shell."""

from __future__ import annotations

import getpass
import sys

import psycopg
import redis

TIMEOUT_S = 3


def main() -> int:
    """Print `DATABASE_URL=… REDIS_URL=…` if both respond; otherwise report which does not, and return 1."""
    database_url, redis_url = _database_url(), _redis_url()
    if database_url and redis_url:
        sys.stdout.write(f"DATABASE_URL={database_url} REDIS_URL={redis_url}\n")
        return 0
    missing = [name for name, url in (("PostgreSQL", database_url), ("Redis", redis_url)) if not url]
    sys.stderr.write(f"No connection to {' or '.join(missing)} on the default port of this host.\n")
    return 1


def _database_url() -> str | None:
    for role in dict.fromkeys(("postgres", getpass.getuser())):
        url = f"postgresql://{role}@127.0.0.1:5432/postgres"
        try:
            with psycopg.connect(url, connect_timeout=TIMEOUT_S) as connection:
                row = connection.execute(
                    "select rolcreatedb or rolsuper from pg_roles where rolname = user"
                ).fetchone()
        except psycopg.Error:
            continue
        if row is not None and row[0]:
            return url
    return None


def _redis_url() -> str | None:
    url = "redis://127.0.0.1:6379/0"
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=TIMEOUT_S, socket_timeout=TIMEOUT_S) as client:
            client.ping()
    except redis.RedisError:
        return None
    return url


if __name__ == "__main__":
    sys.exit(main())
