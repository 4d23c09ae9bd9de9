"""Validate the URL and the key of a Supabase project before they are used."""

from __future__ import annotations

import base64
import json
import re
from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import SecretStr

KeyKind = Literal["service", "public", "user", "unknown"]

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,99}")
_ROLES: Final[dict[str, KeyKind]] = {
    "service_role": "service",
    "supabase_admin": "service",
    "anon": "public",
    "authenticated": "user",
}
_WHERE: Final = "Copy it from Project Settings, API keys, in the Supabase dashboard."


def check(url: str | None, key: SecretStr | None) -> None:
    """Check the URL of the project, and that the key is a secret key.

    Raises:
        ValueError: A value is not valid; the message does not contain the key.
    """
    if url is None and key is None:
        return
    if url is None:
        raise ValueError("SUPABASE_SERVICE_KEY is set, but SUPABASE_URL is not. Set both or neither.")
    if key is None:
        raise ValueError("SUPABASE_URL is set, but SUPABASE_SERVICE_KEY is not. Set both or neither.")
    _check_url(url)
    kind = key_kind(key)
    if kind in ("public", "user"):
        raise ValueError(
            f"SUPABASE_SERVICE_KEY is a key of another kind ({kind}), which cannot access private buckets. Use the "
            f"secret key (`sb_secret_…`, or the older `service_role`). {_WHERE}"
        )
    if not _is_header(key.get_secret_value()):
        raise ValueError(
            f"SUPABASE_SERVICE_KEY is empty, or contains characters that keys do not contain. {_WHERE}"
        )


def check_buckets(*names: str) -> None:
    """Check that the names of buckets are valid and different.

    Raises:
        ValueError: A name is not valid, or is used twice.
    """
    for name in names:
        if not _BUCKET.fullmatch(name):
            raise ValueError(
                f"The bucket name {name!r} is not valid: use 2 to 100 lowercase letters, digits, '.', '_' and '-'."
            )
    if len(set(names)) < len(names):
        raise ValueError(
            f"The bucket {names[0]!r} is used twice. Use one bucket for bundles and another one for drives."
        )


def key_kind(key: SecretStr) -> KeyKind:
    """Return the kind of a key, from its prefix or its unverified claims."""
    text = key.get_secret_value()
    if text.startswith("sb_secret_"):
        return "service"
    if text.startswith("sb_publishable_"):
        return "public"
    role = _claims(text).get("role")
    return _ROLES.get(role, "unknown") if isinstance(role, str) else "unknown"


def key_expiry_s(key: SecretStr) -> float | None:
    """Return the Unix time at which a key of the older kind expires; `None` for others."""
    expiry = _claims(key.get_secret_value()).get("exp")
    return float(expiry) if isinstance(expiry, (int, float)) and not isinstance(expiry, bool) else None


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError(
            "SUPABASE_URL cannot be parsed. Write it as https://<project>.supabase.co."
        ) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("SUPABASE_URL must be an https:// URL, such as https://<project>.supabase.co.")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ValueError(
            "SUPABASE_URL must start with https://: otherwise the key is sent in plaintext. Only this host "
            "(http://127.0.0.1:54321) may use http."
        )
    if parts.username or parts.password or parts.query or parts.fragment or parts.path not in ("", "/"):
        raise ValueError("SUPABASE_URL must be only the URL of the project, without user, path, '?' or '#'.")


def _claims(token: str) -> dict[str, object]:
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        body = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _is_header(text: str) -> bool:
    return bool(text) and all("!" <= letter <= "~" for letter in text)
