"""The next worker process removes the job folders of a dead one, and keeps those of a living one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from workers.sandbox.isolation.job_folders import JobFolders

_WORKER = """
import sys
from pathlib import Path
from workers.sandbox.isolation.job_folders import JobFolders
print(JobFolders(Path(sys.argv[1])).make(None), flush=True)
sys.stdin.read()
"""


def test_only_folders_of_dead_workers_are_removed(
    tmp_path: Path,
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _WORKER, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        theirs = Path(other.stdout.readline().strip())
        assert str(other.pid) not in str(theirs.relative_to(tmp_path)), (
            "in its own namespace, the process may have another ID"
        )
        folders = JobFolders(tmp_path)
        mine = folders.make(None)
        (mine / "file").touch()
        folders.close()
        assert theirs.is_dir()
        assert not mine.exists()
        other.kill()
        other.wait(20)
    JobFolders(tmp_path).close()
    assert list(tmp_path.iterdir()) == []
