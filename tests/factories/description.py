"""The OpenAPI description of the REST API, generated once for all tests."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from backend.app import create_app
from backend.config import Settings


@cache
def openapi() -> dict[str, Any]:
    """Return the body of `GET /openapi.json`; tests must not change it."""
    return create_app(Settings(home=Path("/nonexistent"))).openapi()
