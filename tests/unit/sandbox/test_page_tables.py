"""Forked processes inherit where the code of the interpreter is in memory."""

from __future__ import annotations

import subprocess
import sys

import pytest

from workers.sandbox.isolation.paths import BASE_PYTHON, RUNTIME

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux leaves out page tables")
FAULTS = """
import os, resource, sys
sys.path.insert(0, sys.argv[1])
from guest import page_tables
def print_faults_of_fork():
    child = os.fork()
    if child == 0:
        compile("def sign(text: str) -> int:\\n    return sum(map(ord, text)) % 97\\n", "skill.py", "exec")
        os.write(1, b"%d\\n" % resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
        os._exit(0)
    os.waitpid(child, 0)
print_faults_of_fork()
page_tables.let_children_inherit()
print_faults_of_fork()
"""


def test_forked_process_has_fewer_page_faults() -> None:
    """In a new interpreter, as a zygote is: one that has forked before may have such tables already."""
    command = [str(BASE_PYTHON), "-I", "-S", "-c", FAULTS, str(RUNTIME.parent)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    before, after = map(int, done.stdout.split())
    assert after < before - 15
