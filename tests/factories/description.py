"""The description of the REST API, made once for all tests that read it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from backend.app import create_app
from backend.config import Settings


@cache
def openapi() -> dict[str, Any]:
    """What `GET /openapi.json` gives; tests must not change it."""
    return create_app(Settings(home=Path("/nonexistent"))).openapi()
