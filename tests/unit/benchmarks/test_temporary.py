"""Processes of a measurement end with it, even when it is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.temporary import MARK, marked, temporary_folder

TIMEOUT_S = 20.0
MEASUREMENT = """
import subprocess, sys, time
from benchmarks.temporary import marked, temporary_folder
with temporary_folder() as folder:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], env=marked(folder),
                             start_new_session=True)
    print(folder, child.pid, flush=True)
    time.sleep(600)
"""


def is_running(pid: int) -> bool:
    try:
        return "Z" not in (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def wait_until_gone(folder: Path, pid: int) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while is_running(pid) or folder.exists():
        assert time.monotonic() < deadline, f"process running: {is_running(pid)}, folder: {folder.exists()}"
        time.sleep(0.05)


@pytest.mark.parametrize("received", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_measurement_leaves_no_process_and_no_folder(received: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", MEASUREMENT], stdout=subprocess.PIPE, text=True
    ) as measurement:
        assert measurement.stdout is not None
        name, pid = measurement.stdout.readline().split()
        assert is_running(int(pid))
        measurement.send_signal(received)
    wait_until_gone(Path(name), int(pid))


def test_a_failed_measurement_leaves_no_process() -> None:
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    with pytest.raises(ZeroDivisionError), temporary_folder() as folder:
        child = subprocess.Popen(command, env=marked(folder))
        raise ZeroDivisionError
    assert child.wait(TIMEOUT_S) == -signal.SIGTERM
    assert not folder.exists()


def test_an_orderly_end_leaves_other_processes_alone(tmp_path: Path) -> None:
    """Tests stop an instance and let a server of its home run."""
    command = [sys.executable, "-c", "import time; time.sleep(600)", str(tmp_path)]
    with subprocess.Popen(command) as child:
        try:
            with temporary_folder(tmp_path) as folder:
                assert marked(folder)[MARK] == str(folder)
            assert is_running(child.pid)
            assert not folder.exists()
        finally:
            child.kill()
