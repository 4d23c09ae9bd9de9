"""Run the blocks on standard input one after the other, in one process and with the same names, as a notebook does.

This is a separate process, so that resources that a block leaves open do not cause warnings in the tests.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import sys

request = json.load(sys.stdin)
names = {"__name__": "__main__", "asyncio": asyncio, **request["names"]}
for place, code in request["blocks"]:
    running = eval(compile(code, place, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
    if inspect.iscoroutine(running):
        asyncio.run(running)
