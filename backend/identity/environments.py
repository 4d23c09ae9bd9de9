"""Define the environments of a project: each has its own active versions, secrets, API keys and budgets.

What exists without one is in production. Versions are the same in all of them: a promotion activates a version that is
active in one environment in another one, and builds nothing.
"""

from __future__ import annotations

from typing import Any, Final, Literal, get_args

from sqlalchemy import Column, String

Environment = Literal["development", "staging", "production"]

PRODUCTION: Final[Environment] = "production"
ENVIRONMENTS: Final[tuple[Environment, ...]] = get_args(Environment)
"""In the order in which a version is promoted."""
SOURCES: Final[dict[Environment, Environment]] = {
    "development": "production",
    "staging": "development",
    "production": "staging",
}
"""The environment from which a version is promoted, unless another one is named."""
PROJECT_WIDE: Final = frozenset(
    {
        "alerts:read",
        "alerts:write",
        "audit:read",
        "budgets:write",
        "keys:write",
        "marketplace:write",
        "members:write",
        "project:write",
        "providers:write",
        "webhooks:read",
        "webhooks:write",
    }
)
"""Scopes of what all environments share. Only keys of production have them: with each of them, a key of another
environment could change production, or read what its users did and which deliveries its jobs caused."""


def environment_column() -> Column[Any]:
    """Return the column of the environment of a row. Rows from before environments existed are in production."""
    return Column(String(16), nullable=False, server_default=PRODUCTION)
