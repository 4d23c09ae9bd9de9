"""Which instance is asked with which key: the environment, else `~/.purasbackend/config.json`.

Address and key always come from the same place: a key is never sent to an address that it was not saved with.
"""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from puras_mcp.errors import Refused

DEFAULT_BASE: Final = "http://127.0.0.1:8000"
KEY_PREFIX: Final = len("puras_live_") + 8
"""What of a key may be shown; the secret follows."""

Source = Literal["environment", "file", "none"]


@dataclass(frozen=True)
class Config:
    """Where the instance is, and the key to a project of it."""

    api_base: str
    api_key: str
    project_id: str
    source: Source


def path() -> Path:
    """The file."""
    return Path.home() / ".purasbackend" / "config.json"


def read() -> Config:
    """The configuration as it is now; it is read anew for every call.

    Raises:
        Refused: the file is there and cannot be read, or others may read it.
    """
    key = os.environ.get("PURAS_API_KEY", "")
    if key:
        return Config(os.environ.get("PURAS_API_BASE") or DEFAULT_BASE, key, "", "environment")
    file = path()
    try:
        if file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise Refused(f"{file} holds a key and others can read it. Run: chmod 600 {file}")
        found = json.loads(file.read_text(encoding="utf-8"))
        return Config(str(found["api_base"]), str(found["api_key"]), str(found.get("project_id", "")), "file")
    except FileNotFoundError:
        return Config(os.environ.get("PURAS_API_BASE") or DEFAULT_BASE, "", "", "none")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refused(f"{file} cannot be read ({error}). Call `configure` to write it anew.") from error


def write(api_base: str, api_key: str, project_id: str) -> Path:
    """Keep the configuration where its owner alone can read it."""
    file = path()
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = file.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    text = json.dumps({"api_base": api_base, "api_key": api_key, "project_id": project_id}, indent=2)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        out.write(text + "\n")
    fresh.replace(file)
    return file


def address(text: str) -> str:
    """An address of an instance, checked.

    Raises:
        Refused: it is none.
    """
    parts = urlsplit(text.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        raise Refused(f"{text!r} is no address of an instance. Write it like {DEFAULT_BASE}.")
    return text.strip().rstrip("/").removesuffix("/v1")


def shown(key: str) -> str:
    """What of a key may be shown."""
    return f"{key[:KEY_PREFIX]}…" if len(key) > KEY_PREFIX else "…" if key else ""
