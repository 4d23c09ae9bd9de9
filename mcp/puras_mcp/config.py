"""Read URL and API key of the instance: from the environment, otherwise from `~/.purasbackend/config.json`.

Both always come from the same source: a key is never sent to a URL that it was not stored with.
"""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

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
    project_id: str
    source: Source


def path() -> Path:
    """Return the path of the configuration file."""
    return Path.home() / ".purasbackend" / "config.json"


def read() -> Config:
    """Return the current configuration; it is read for every call.

    Raises:
        CallRejected: The file is unreadable or invalid, or other users can read it.
    """
    key = os.environ.get("PURAS_API_KEY", "")
    if key:
        return Config(os.environ.get("PURAS_API_BASE") or DEFAULT_BASE, key, "", "environment")
    file = path()
    try:
        if file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise CallRejected(
                f"{file} contains an API key, and other users can read it. Run: chmod 600 {file}"
            )
        found = json.loads(file.read_text(encoding="utf-8"))
        return Config(str(found["api_base"]), str(found["api_key"]), str(found.get("project_id", "")), "file")
    except FileNotFoundError:
        return Config(os.environ.get("PURAS_API_BASE") or DEFAULT_BASE, "", "", "none")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CallRejected(f"{file} cannot be read ({error}). Call `configure` to write it again.") from error


def write(api_base: str, api_key: str, project_id: str) -> Path:
    """Store the configuration so that only its owner can read it."""
    file = path()
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new_file = file.with_suffix(".new")
    new_file.unlink(missing_ok=True)
    text = json.dumps({"api_base": api_base, "api_key": api_key, "project_id": project_id}, indent=2)
    with os.fdopen(
        os.open(new_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as out:
        out.write(text + "\n")
    new_file.replace(file)
    return file


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
