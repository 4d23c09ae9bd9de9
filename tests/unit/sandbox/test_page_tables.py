"""Forked processes inherit where the code of the interpreter is in memory."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable

import pytest

from workers.sandbox.guest import page_tables

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux leaves out page tables")


def test_forked_process_has_fewer_page_faults() -> None:
    before, after = _result_of_fork(_faults_before_and_after)
    assert after < before - 15


def _faults_before_and_after() -> tuple[int, ...]:
    before = _result_of_fork(_faults)
    page_tables.let_children_inherit()
    return *before, *_result_of_fork(_faults)


def _faults() -> tuple[int, ...]:
    compile("def sign(text: str) -> int:\n    return sum(map(ord, text)) % 97\n", "skill.py", "exec")
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt,)


def _result_of_fork(run: Callable[[], tuple[int, ...]]) -> tuple[int, ...]:
    """Return the numbers that a forked process determines."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, " ".join(map(str, run())).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        numbers = tuple(map(int, pipe.read().split()))
    os.waitpid(child, 0)
    return numbers
