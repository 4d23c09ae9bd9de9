"""Entry point of the commands; `commands` has the operator's commands."""

from __future__ import annotations

import sys

from backend.core.bootstrap import run_main
from backend.operations.command_table import help_text


def main() -> int:
    """Run the command that the arguments name; print the list of commands without loading one."""
    if sys.argv[1:] == ["--help"]:
        sys.stdout.write(f"{help_text()}\n")
        return 0
    return run_main("backend.operations.commands")


if __name__ == "__main__":
    sys.exit(main())
