"""Runs the notebook on standard input in a new kernel and prints it with its outputs; a cell that fails is exit code 1.

A process of its own: what the Jupyter client leaves open at its end is no warning of the tests.
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
