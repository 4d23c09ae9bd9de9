"""Databases behind a pooler that lends its connections for one transaction at a time, as Supabase's and PgBouncer.

What one transaction leaves in the server's connection, the next one of somebody else would find. So nothing is
prepared there, no connection option is set, and every lock and setting of ours ends with its transaction anyway.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

SUPABASE_PORT: Final = 6543
"""Where Supabase's pooler lends for a transaction; on 5432 it lends for a session."""
MARK: Final = "pgbouncer"
"""`?pgbouncer=true` in an address says the same of any other port; other libraries know the word, too."""


def pools_transactions(database_url: str) -> bool:
    """Whether the address is that of such a pooler: by its port, or because it says so."""
    url = _parsed(database_url)
    return url is not None and (url.port == SUPABASE_PORT or url.query.get(MARK) in ("true", "1"))


def plain(database_url: str) -> str:
    """The address for the database's own library: without the name of a driver, and what only we understand in it."""
    url = _parsed(database_url)
    if url is None or ("+" not in url.drivername and MARK not in url.query):
        return database_url
    plain_url = url.set(drivername=url.get_backend_name()).difference_update_query([MARK])
    return plain_url.render_as_string(hide_password=False)


def connect_settings(
    database_url: str, *, options: str | None = None, prepare_threshold: int | None = 5
) -> dict[str, Any]:
    """What a connection to the address is opened with: these settings, or what a pooler bears in their place."""
    if pools_transactions(database_url):
        return {"prepare_threshold": None}
    settings: dict[str, Any] = {"prepare_threshold": prepare_threshold}
    return settings if options is None else {**settings, "options": options}


def _parsed(database_url: str) -> URL | None:
    try:
        return make_url(database_url)
    except (ArgumentError, ValueError):  # a `host=… dbname=…` of the library's own, or nothing at all
        return None
