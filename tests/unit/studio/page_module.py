"""Run functions of the scripts of pages."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from backend.core.release_files import ROOT
from rxconfig import BUN


def run_module(module: str, script: str, value: Any) -> Any:
    """Run a script, and return what it prints.

    Args:
        module: The path of the tested module in `assets/ui`; the script imports it as `process.argv[1]`.
        script: It reads JSON from its input, and prints JSON.
        value: Its input.
    """
    done = subprocess.run(
        [BUN, "-e", script, str(ROOT / "assets/ui" / module)],
        input=json.dumps(value),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
