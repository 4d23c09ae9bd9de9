"""Start the process of `preparation`: `python -m backend.operations.up.preparer`; see `preparation_requests`."""

from __future__ import annotations

import sys
from typing import Final

from backend.core.bootstrap import Program

PROGRAM: Final = Program(
    "backend.operations.up.preparation_requests", without=("isoduration", "opentelemetry.sdk", "rich")
)

if __name__ == "__main__":
    sys.exit(PROGRAM.run())
