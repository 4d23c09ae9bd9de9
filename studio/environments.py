"""Name the environments of a project in pages and forms."""

from __future__ import annotations

from typing import Any, Final

import reflex as rx

from backend.identity.environments import ENVIRONMENTS

NAMES: Final[dict[str, str]] = {
    "development": "Development",
    "staging": "Staging",
    "production": "Production",
}


def options() -> list[Any]:
    """Return the options of a choice of an environment, production first since most projects use only that."""
    return [rx.el.option(NAMES[name], value=name) for name in reversed(ENVIRONMENTS)]
