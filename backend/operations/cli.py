"""Entry point of `puras-studio`; `commands` has the operator's commands."""

from __future__ import annotations

import sys

from backend.core.bootstrap import begin


def main() -> int:
    """Run the command that the arguments name."""
    return begin("backend.operations.commands")


if __name__ == "__main__":
    sys.exit(main())
