"""Read URL and API key of the instance: from the environment, otherwise from the file of `puras login`.

If that file has no key, the file of the MCP server of Puras is read: `~/.purasbackend/config.json`. URL and key
always come from the same source: a key is never sent to a URL that it was not stored with.
"""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from puras.client import connecting

from puras_mcp.errors import CallRejected

DEFAULT_BASE: Final = "http://127.0.0.1:8000"
KEY_PREFIX: Final = len("puras_live_") + 8
"""The characters of a key that may be shown; the secret part follows."""

Source = Literal["environment", "file", "none"]


@dataclass(frozen=True)
class Config:
    """The URL of the instance, and the API key of a project."""

    api_base: str
    api_key: str
    source: Source


def files() -> tuple[Path, Path]:
    """Return the configuration files: that of `puras login`, and that of the MCP server of Puras."""
    return connecting.path(), Path.home() / ".purasbackend" / "config.json"


def read() -> Config:
    """Return the current configuration; it is read for every call.

    Raises:
        CallRejected: A file is unreadable or invalid, or other users can read it.
    """
    key = os.environ.get("PURAS_API_KEY", "")
    if key:
        return Config(os.environ.get("PURAS_API_BASE") or DEFAULT_BASE, key, "environment")
    for file in files():
        found = _read(file)
        if found is not None:
            return found
    return Config(os.environ.get("PURAS_API_BASE") or DEFAULT_BASE, "", "none")


def _read(file: Path) -> Config | None:
    """Return the URL and the key in a file; None if it does not exist or has no key."""
    try:
        if file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise CallRejected(
                f"{file} contains an API key, and other users can read it. Run: chmod 600 {file}"
            )
        found = json.loads(file.read_text(encoding="utf-8"))
        if not found.get("api_key"):
            return None
        return Config(str(found.get("api_base") or DEFAULT_BASE), str(found["api_key"]), "file")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, AttributeError) as error:
        raise CallRejected(
            f"{file} cannot be read ({error}). Run `puras login`, or call `configure`, to write it again."
        ) from error


def write(api_base: str, api_key: str) -> None:
    """Store the configuration as `puras login` does, so that only its owner can read it."""
    connecting.write({"api_base": api_base, "api_key": api_key})


def address(text: str) -> str:
    """Return the validated URL of an instance.

    Raises:
        CallRejected: It is invalid.
    """
    parts = urlsplit(text.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        raise CallRejected(f"{text!r} is not a valid URL of an instance. Example: {DEFAULT_BASE}")
    return text.strip().rstrip("/").removesuffix("/v1")


def shown(key: str) -> str:
    """Return the part of a key that may be shown."""
    return f"{key[:KEY_PREFIX]}…" if len(key) > KEY_PREFIX else "…" if key else ""
