"""Start a worker process: `python -m workers.main dramatiq`; see `process`."""

from __future__ import annotations

import sys

from backend.core.bootstrap import run_main

if __name__ == "__main__":
    sys.exit(run_main("workers.process", without=["isoduration", "opentelemetry.sdk", "rich"]))
