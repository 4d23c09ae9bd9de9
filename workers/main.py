"""Entry point of a worker process: `python -m workers.main dramatiq`; see `process`."""

from __future__ import annotations

import sys

from backend.core.bootstrap import begin

if __name__ == "__main__":
    sys.exit(begin("workers.process", without=["rich"]))
