"""Run the cells on standard input one after the other in IPython, and exit when a cell fails."""

from __future__ import annotations

import json
import sys

from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()
for cell in json.load(sys.stdin):
    shell.run_cell(cell, store_history=True).raise_error()  # type: ignore[no-untyped-call]
