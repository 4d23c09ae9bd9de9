"""Entry point of `puras-studio`; `commands` has the operator's commands."""

from __future__ import annotations

import sys

from backend.core.bootstrap import run_main


def main() -> int:
    """Run the command that the arguments name."""
    return run_main("backend.operations.commands")


if __name__ == "__main__":
    sys.exit(main())
