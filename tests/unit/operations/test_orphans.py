"""How `up` reaps processes whose parent has ended."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

REAP: Final = """
import os, subprocess, sys, time
from backend.operations.up.orphans import Orphans

reads = []
sys.addaudithook(lambda event, args: reads.append(args) if event in ("os.listdir", "os.scandir") else None)
orphans = Orphans()
orphans.adopt()
living = subprocess.Popen(["sleep", "60"])
orphans.reap()
assert not reads, "nothing has died, so the processes of the host are not read"
started = subprocess.run(
    ["sh", "-c", "sleep 0.1 >/dev/null & echo $!"], stdout=subprocess.PIPE, text=True, check=True
)
orphan = f"/proc/{int(started.stdout)}/stat"
while open(orphan).read().rpartition(")")[2].split()[0] != "Z":
    time.sleep(0.01)
orphans.reap()
assert os.path.exists(orphan), "another part of the process may wait for it"
orphans.reap()
assert not os.path.exists(orphan)
living.kill()
print("reaped", living.wait())
"""


def test_orphan_is_reaped_and_processes_are_listed_only_after_a_child_exits() -> None:
    done = subprocess.run(
        [sys.executable, "-c", REAP], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "reaped -9\n"), done.stderr
