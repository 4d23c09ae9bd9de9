"""Install packages inside a sandbox: run the installer, then compile what it installed.

Run as `python -I -S -c "…; from puras_inside import install; install.main()"`, the plan on standard input.
The installer reads untrusted archives, and starts the interpreter of the environment that it fills.
"""

# (the guest side imports little)

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import NamedTuple

from . import enclosure


class Plan(NamedTuple):
    """The plan of an installation."""

    commands: list[list[str]]
    """Command lines of the installer, one after the other; the first that fails ends the installation."""
    text: str
    """Standard input of the last one."""
    variables: dict[str, str]
    compiled: str
    """Folder whose Python sources are compiled in the end; empty for none."""


def main() -> None:
    """Confine this process, install, and end with the installer's exit code."""
    body = json.load(sys.stdin)
    plan = Plan(**body["plan"])
    enclosure.enter(enclosure.Enclosure.from_json(body["enclosure"]))
    os.environ.update(plan.variables)
    for number, command in enumerate(plan.commands, start=1):
        text = plan.text if number == len(plan.commands) else ""
        code = subprocess.run(command, input=text.encode(), stderr=subprocess.STDOUT, check=False).returncode
        if code:
            os._exit(code if code > 0 else 1)
    if plan.compiled:
        _compile(plan.compiled)
    os._exit(0)


def _compile(folder: str) -> None:
    """Compile sources without running any of them; what cannot be compiled stays source."""
    import compileall

    compileall.compile_dir(folder, quiet=2)
