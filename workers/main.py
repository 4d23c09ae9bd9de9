"""Start a worker process: `python -m workers.main dramatiq`; see `process`."""

from __future__ import annotations

import sys
from typing import Final

from backend.core.bootstrap import Program

PROGRAM: Final = Program("workers.process", without=("isoduration", "opentelemetry.sdk", "rich"))

if __name__ == "__main__":
    sys.exit(PROGRAM.run())
