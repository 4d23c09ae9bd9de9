"""Print the OpenAPI document of the API: `python -m backend.generators.openapi_document > openapi.json`."""

from __future__ import annotations

import sys
from pathlib import Path

from backend.app import create_app
from backend.config import Settings
from backend.openapi.application import as_text


def main() -> None:
    """Print the document of an instance with default settings."""
    app = create_app(Settings(home=Path("/nonexistent")))
    sys.stdout.write(as_text(app.openapi()))


if __name__ == "__main__":
    main()
