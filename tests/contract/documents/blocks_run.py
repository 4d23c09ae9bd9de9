"""Runs the blocks on standard input one after the other, in one process and with the same names, as a notebook would.

A process of its own: what a program leaves open at its end is no warning of the tests.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import sys

given = json.load(sys.stdin)
names = {"__name__": "__main__", "asyncio": asyncio, **given["names"]}
for place, code in given["blocks"]:
    running = eval(compile(code, place, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
    if inspect.iscoroutine(running):
        asyncio.run(running)
