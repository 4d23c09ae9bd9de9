"""Support databases behind a pooler in transaction mode, such as Supabase's pooler and PgBouncer.

Such a pooler lends a server connection for one transaction. A prepared statement or a session setting would stay in the
server connection and affect the next client. So no statement is prepared and no connection option is set there, and
all locks and settings end with their transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from backend.core.errors import PurasError

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

SUPABASE_PORT: Final = 6543
"""Supabase's pooler is in transaction mode on this port; on 5432 it is in session mode."""
MARK: Final = "pgbouncer"
"""`?pgbouncer=true` in a URL marks a pooler in transaction mode on any other port; other libraries use the same
name."""

KEEPALIVE: Final = {
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""Parameters of libpq: the loss of a server that did not close its connections is noticed within about 10 s."""

SERVER_KEEPALIVE: Final = {
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "10000",
}
"""Parameters of a session: the server ends it, and releases its locks, if this host is lost without closing it."""


class WrongPoolerMode(PurasError):
    """The pooler works in another mode than `DATABASE_URL` says."""

    code = "wrong_pooler_mode"


def pools_transactions(database_url: str) -> bool:
    """Return whether the URL is that of a pooler in transaction mode: by its port or by its `pgbouncer` parameter."""
    url = _parsed(database_url)
    return url is not None and (url.port == SUPABASE_PORT or url.query.get(MARK) in ("true", "1"))


def plain(database_url: str) -> str:
    """Return the URL for libpq: without the name of a driver and without the parameters that only this module uses."""
    if "+" not in database_url.partition("://")[0] and MARK not in database_url:
        return database_url
    url = _parsed(database_url)
    if url is None:
        return database_url
    plain_url = url.set(drivername=url.get_backend_name()).difference_update_query([MARK])
    return plain_url.render_as_string(hide_password=False)


def connect_settings(database_url: str, *, prepare_threshold: int | None = 5) -> dict[str, Any]:
    """Return the parameters with which a connection to the URL is opened; those in the URL take precedence.

    Startup options are not among them, because PgBouncer rejects them in each mode: see `settings_sql`.
    """
    url = _parsed(database_url)
    given = {} if url is None else url.query
    settings = {name: value for name, value in KEEPALIVE.items() if name not in given}
    return {**settings, "prepare_threshold": None if pools_transactions(database_url) else prepare_threshold}


def settings_sql(settings: Mapping[str, str], *, is_local: bool = False) -> bytes:
    """Return one statement that sets the parameters, for the session or for the current transaction."""
    scope = "true" if is_local else "false"
    calls = ", ".join(f"set_config('{name}', '{value}', {scope})" for name, value in settings.items())
    return f"select {calls}".encode()


def _parsed(database_url: str) -> URL | None:
    """Return the parts of the URL. SQLAlchemy is imported here, for processes that do not need it otherwise."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(database_url)
    except (ArgumentError, ValueError):  # a `host=… dbname=…` string of libpq, or an empty one
        return None
