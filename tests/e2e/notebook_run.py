"""Run the notebook on standard input in a new kernel, and print it with its outputs; exit with 1 if a cell fails.

This is a separate process, so that resources that the Jupyter client leaves open do not cause warnings in the tests.
"""

from __future__ import annotations

import sys

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

notebook = nbformat.reads(sys.stdin.read(), as_version=4)
try:
    NotebookClient(notebook, timeout=100).execute()
except CellExecutionError as error:
    sys.exit(str(error))
sys.stdout.write(nbformat.writes(notebook))
