"""Select the instance and the key of a program."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

DEFAULT_BASE: Final = "http://127.0.0.1:8000"
_OWNER_ONLY: Final = 0o600


class Place(NamedTuple):
    """The URL of an instance and a key of one of its projects."""

    base: str
    key: str


def place(api_key: str | None = None, api_base: str | None = None) -> Place:
    """Return the given values, otherwise those of the environment, otherwise those that `puras login` saved.

    A saved key is sent only to the instance with which it was saved.

    Raises:
        ValueError: There is no key.
    """
    address = base(api_base)
    key = api_key or os.environ.get("PURAS_API_KEY")
    if not key and address == _saved_base():
        key = read().get("api_key")
    if not key:
        raise ValueError(
            f"There is no API key for {address}. Run `puras login`, set PURAS_API_KEY, or pass `api_key` to the client."
        )
    return Place(address, str(key))


def base(given: str | None = None) -> str:
    """Return the given URL, otherwise that of the environment, otherwise the saved one."""
    return (given or os.environ.get("PURAS_API_BASE") or _saved_base()).rstrip("/")


def path() -> Path:
    """Return the path of the saved key: `~/.puras/config.json`."""
    return Path("~/.puras/config.json").expanduser()


def read() -> dict[str, Any]:
    """Return the saved values; empty if the file is missing or invalid."""
    try:
        saved = json.loads(path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return saved if isinstance(saved, dict) else {}


def write(values: Mapping[str, Any]) -> None:
    """Save values in a file that only its owner can read, and preserve its other values."""
    write_private(path(), {**read(), **values})


def write_private(file: Path, values: Mapping[str, Any]) -> None:
    """Write JSON to a file that only its owner can read, also during the write."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.{os.getpid()}")
    part.unlink(missing_ok=True)
    with os.fdopen(
        os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY), "w", encoding="utf-8"
    ) as target:
        json.dump(values, target, indent=2)
    part.replace(file)


def shown(key: str) -> str:
    """Return the prefix of a key, which is not secret."""
    return f"{key.partition('.')[0]}.…"


def _saved_base() -> str:
    return str(read().get("api_base") or DEFAULT_BASE).rstrip("/")
