"""Checks of a Supabase project: its key, its buckets, its clock, and the connection to its database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any, Final
from uuid import uuid4

import httpx
import psycopg
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from backend.config import Settings
from backend.config.supabase_project import key_expiry_s, key_kind
from backend.core.db import pooler
from backend.core.errors import PurasError
from backend.data.drive.uploads.receive import MAX_FILE_BYTES
from backend.operations import database
from backend.operations.checks.verdict import Check, fail, ok, warn

SKEW_WARN_S: Final = 5.0
SKEW_FAIL_S: Final = 120.0
"""Signed URLs are valid for a minute."""
EXPIRY_WARN_S: Final = 30 * 24 * 3600.0
_LOOPBACK: Final = ("", "localhost", "127.0.0.1", "::1")
_KEYS: Final = "Copy the secret key from Project Settings, API keys, in the Supabase dashboard."
_CREATE_BUCKETS: Final = "puras-studio doctor --supabase --create-buckets"
_ROLE_SETTINGS: Final = {"lock_timeout": "15s", "statement_timeout": "60s"}
_UTC: Final = ok("time zone of the database", "UTC, set by each connection")


def checks(settings: Settings, *, create_buckets: bool) -> list[Check]:
    """Check the Supabase project of the settings."""
    found = [*_database(settings)]
    if settings.supabase_url is None or settings.supabase_service_key is None:
        missing = fail(
            "Supabase", "SUPABASE_URL is not set", "Set it and SUPABASE_SERVICE_KEY: docs/guides/supabase.md."
        )
        return [missing, *found]
    return [*asyncio.run(_storage(settings, create_buckets=create_buckets)), *found]


async def _storage(settings: Settings, *, create_buckets: bool) -> list[Check]:
    # Imported here, because the client takes a second to load, and most calls are without a project.
    from backend.storage.supabase.bucket import Connection

    url, key = settings.supabase_url or "", settings.supabase_service_key or SecretStr("")
    connection = Connection(url, key)
    try:
        found = [_key(key)]
        try:
            requested_at = time.time()
            listed = await connection.http.get(
                f"{connection.storage_url}bucket", headers=dict(connection.headers)
            )
        except httpx.HTTPError as error:
            reason = f"{url} does not respond: {type(error).__name__}: {error}"
            return [
                *found,
                fail("Supabase storage", reason, "Check that SUPABASE_URL is correct and the project runs."),
            ]
        took_s = time.time() - requested_at
        if listed.status_code != 200:
            return [
                *found,
                fail("Supabase storage", f"{url} rejects the key (HTTP status {listed.status_code})", _KEYS),
            ]
        found.append(
            ok("Supabase storage", f"{url} accepts the key; its response took {took_s * 1000:.0f} ms")
        )
        found += _clock(listed.headers.get("date"), requested_at + took_s / 2)
        known = {str(each.get("id")): each for each in listed.json()}
        async for check in _buckets(connection, settings, known, create=create_buckets):
            found.append(check)
        return found
    finally:
        await connection.close()


def _key(key: SecretStr) -> Check:
    expiry = key_expiry_s(key)
    left_s = None if expiry is None else expiry - time.time()
    if left_s is not None and left_s <= 0:
        return fail("Supabase key", "it has expired", _KEYS)
    if key_kind(key) != "service":
        return warn("Supabase key", "unknown kind of key", f"If the storage rejects it: {_KEYS}")
    if left_s is not None and left_s < EXPIRY_WARN_S:
        return warn("Supabase key", f"a secret key that expires in {left_s / 86_400:.0f} days", _KEYS)
    return ok("Supabase key", "a secret key, for servers")


def _clock(date: str | None, at: float) -> list[Check]:
    try:
        ahead_s = parsedate_to_datetime(date or "").timestamp() + 0.5 - at
    except ValueError:
        return []  # the response has no time
    found = f"the clock of Supabase is {abs(ahead_s):.0f} s {'ahead' if ahead_s > 0 else 'behind'}"
    remedy = "Synchronize the clock of this host with NTP; signed URLs, valid for a minute, would fail."
    if abs(ahead_s) > SKEW_FAIL_S:
        return [fail("clock", found, remedy)]
    return (
        [warn("clock", found, remedy)]
        if abs(ahead_s) > SKEW_WARN_S
        else [ok("clock", "synchronized with Supabase")]
    )


async def _buckets(
    connection: Any, settings: Settings, known: dict[str, Any], *, create: bool
) -> AsyncIterator[Check]:
    for name in (settings.supabase_bundles_bucket, settings.supabase_drive_bucket):
        label = f"bucket {name}"
        if name not in known:
            if not create:
                yield fail(
                    label, "does not exist", f"{_CREATE_BUCKETS}, or create it as private in the dashboard."
                )
                continue
            try:
                await connection.storage.create_bucket(name, options={"public": False})
            except Exception as error:  # noqa: BLE001 - the operator sees any error of the client
                yield fail(
                    label, f"cannot be created: {str(error)[:200]}", "Create it as private in the dashboard."
                )
                continue
            known[name] = {"public": False}
        yield await _bucket(connection, label, name, known[name])


async def _bucket(connection: Any, label: str, name: str, facts: dict[str, Any]) -> Check:
    if facts.get("public"):
        return fail(
            label, "is public: anyone who guesses a URL can read it", "Make it private in the dashboard."
        )
    if facts.get("allowed_mime_types"):
        return fail(
            label, "accepts only some types of files", "Remove the list of MIME types from its settings."
        )
    try:
        await _test_bucket(connection, name)
    except (PurasError, httpx.HTTPError) as error:
        return fail(label, f"cannot be written and read: {error}", "Check the bucket and its policies.")
    limit = facts.get("file_size_limit")
    if isinstance(limit, int) and limit < MAX_FILE_BYTES:
        return warn(
            label, f"private, but with a limit of {limit:,} bytes per file", "Increase its file size limit."
        )
    return ok(label, "private; a test file was written, listed, read and removed")


async def _test_bucket(connection: Any, name: str) -> None:
    """Write an object, list and read it, and remove it."""
    from backend.storage.supabase.bucket import Bucket

    bucket, key = Bucket(connection, name), f"incoming/doctor-{uuid4().hex}"
    headers = {**connection.headers, "content-type": "text/plain"}
    written = await connection.http.post(bucket.object_url(key), headers=headers, content=b"doctor")
    try:
        written.raise_for_status()
        page = await bucket.page(key, is_delimited=False)
        if [each.key for each in page.objects] != [key] or await bucket.whole(key) != b"doctor":
            raise httpx.HTTPError("the written object was not found")
    finally:
        with suppress(PurasError):
            await bucket.remove([key])


def _database(settings: Settings) -> list[Check]:
    if settings.database_url is None:
        remedy = (
            "This is sufficient for one host. For several hosts, set DATABASE_URL (docs/guides/supabase.md)."
        )
        return [ok("database", f"embedded. {remedy}")]
    url = settings.database_url.get_secret_value()
    is_pooled = pooler.pools_transactions(url)
    found = [_connection_check(settings, is_pooled=is_pooled)]
    settings_of_connection = pooler.connect_settings(url)
    try:
        with psycopg.connect(
            pooler.plain(url),
            autocommit=True,
            connect_timeout=database.CONNECT_TIMEOUT_S,
            **settings_of_connection,
        ) as connection:
            found.append(_tls(url, connection))
            found += [_zone(connection), _timeouts(connection)] if is_pooled else [_UTC]
    except psycopg.Error:
        pass  # the check of PostgreSQL has reported it
    return found


def _connection_check(settings: Settings, *, is_pooled: bool) -> Check:
    if not is_pooled:
        return ok("database connection", "direct, or a pooler in session mode; no extension is needed")
    if settings.database_direct_url is None:
        return warn(
            "database connection",
            "a pooler in transaction mode, also for migrations and backups",
            "Set DATABASE_DIRECT_URL to the direct URL, or to port 5432 of the pooler.",
        )
    return ok(
        "database connection", "a pooler in transaction mode, direct for migrations; no extension is needed"
    )


def _tls(url: str, connection: psycopg.Connection[Any]) -> Check:
    host = make_url(pooler.plain(url)).host or ""
    if connection.pgconn.ssl_in_use:
        return ok("database encryption", "encrypted")
    if host in _LOOPBACK or connection.info.host.startswith("/"):
        return ok("database encryption", "on this host")
    return warn("database encryption", "not encrypted", "Add ?sslmode=require to DATABASE_URL.")


def _zone(connection: psycopg.Connection[Any]) -> Check:
    zone = _shown(connection, "TimeZone")
    if zone.upper() in ("UTC", "ETC/UTC", "GMT"):
        return ok("time zone of the database", zone)
    return fail("time zone of the database", zone, "alter role current_user set timezone = 'UTC'")


def _timeouts(connection: psycopg.Connection[Any]) -> Check:
    """Check the timeouts of the role: with a pooler, connections cannot set their own."""
    unset = [name for name in _ROLE_SETTINGS if _shown(connection, name) == "0"]
    if not unset:
        return ok("statement timeouts", "set by the role")
    remedy = "; ".join(f"alter role current_user set {name} = '{_ROLE_SETTINGS[name]}'" for name in unset)
    return warn("statement timeouts", f"no {' and '.join(unset)} with the pooler", remedy)


def _shown(connection: psycopg.Connection[Any], name: str) -> str:
    row = connection.execute("select current_setting(%s)", (name,)).fetchone()
    return "" if row is None else str(row[0])
