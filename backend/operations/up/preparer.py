"""Start the process of `preparation`: `python -m backend.operations.up.preparer`; see `preparation_requests`."""

from __future__ import annotations

import sys

from backend.core.bootstrap import run_main

if __name__ == "__main__":
    sys.exit(run_main("backend.operations.up.preparation_requests", without=["opentelemetry.sdk", "rich"]))
