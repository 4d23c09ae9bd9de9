"""Serve API, MCP tools and studio on one port: `python -m studio.serve`. The implementation is in `serving`."""

from __future__ import annotations

import sys

from backend.core.bootstrap import run_main

if __name__ == "__main__":
    sys.exit(run_main("studio.serving", without=["isoduration", "opentelemetry.sdk"]))
