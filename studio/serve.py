"""Serve API, MCP tools and studio on one port: `python -m studio.serve`. The implementation is in `serving`."""

from __future__ import annotations

import sys
from typing import Final

from backend.core.bootstrap import Program

PROGRAM: Final = Program("studio.serving", without=("isoduration", "opentelemetry.sdk"))

if __name__ == "__main__":
    sys.exit(PROGRAM.run())
