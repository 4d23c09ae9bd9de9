"""Which instance a program speaks to, and with which key."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

DEFAULT_BASE: Final = "http://127.0.0.1:8000"
_OWNER_ONLY: Final = 0o600


class Place(NamedTuple):
    """An instance, and a key to one of its projects."""

    base: str
    key: str


def place(api_key: str | None = None, api_base: str | None = None) -> Place:
    """What is given, else what the environment says, else what `puras login` has kept.

    A key that was kept is for the instance that it was kept with, and is not shown to another.

    Raises:
        ValueError: there is no key.
    """
    address = base(api_base)
    key = api_key or os.environ.get("PURAS_API_KEY")
    if not key and address == _kept_base():
        key = read().get("api_key")
    if not key:
        raise ValueError(
            f"There is no API key for {address}. Give `api_key`, set PURAS_API_KEY, or run `puras login`."
        )
    return Place(address, str(key))


def base(given: str | None = None) -> str:
    """The address that is given, else what the environment says, else what `puras login` has kept."""
    return (given or os.environ.get("PURAS_API_BASE") or _kept_base()).rstrip("/")


def path() -> Path:
    """Where `puras login` keeps the key: `~/.puras/config.json`."""
    return Path("~/.puras/config.json").expanduser()


def read() -> dict[str, Any]:
    """What is kept; empty without a file, or with one that is not ours."""
    try:
        kept = json.loads(path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def write(values: Mapping[str, Any]) -> None:
    """Keep these, in a file that nobody else can read, and what others have written beside them."""
    write_private(path(), {**read(), **values})


def write_private(file: Path, values: Mapping[str, Any]) -> None:
    """JSON in a file that only its owner can read, from its first byte on."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.{os.getpid()}")
    part.unlink(missing_ok=True)
    with os.fdopen(
        os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY), "w", encoding="utf-8"
    ) as target:
        json.dump(values, target, indent=2)
    part.replace(file)


def shown(key: str) -> str:
    """As much of a key as may be seen."""
    return f"{key.partition('.')[0]}.…"


def _kept_base() -> str:
    return str(read().get("api_base") or DEFAULT_BASE).rstrip("/")
