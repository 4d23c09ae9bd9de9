"""Cache folders on the host: what a sweep deletes, and that it deletes nothing that is in use."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from backend.storage.cache_dir import Bounds, CacheDir, size_of, touch

MIB = 1 << 20
DAY_S = 86_400.0


def test_sweep_deletes_only_entries_unused_for_too_long(tmp_path: Path) -> None:
    _make(tmp_path, "old", age_s=3 * DAY_S)
    _make(tmp_path, "young", age_s=DAY_S)
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "file").write_text("not a cache entry", encoding="utf-8")
    assert CacheDir(tmp_path, Bounds(MIB, 2 * DAY_S)).sweep() == ["old"]
    assert sorted(_names(tmp_path)) == [".hidden", "file", "young"]


def test_least_recently_used_entries_are_deleted_first(tmp_path: Path) -> None:
    for number in range(5):
        _make(tmp_path, f"n{number}", age_s=(9 - number) * 3600, size_bytes=MIB)
    touch(tmp_path / "n0")  # the most recently used, although it was created first
    assert CacheDir(tmp_path, Bounds(3 * MIB + 4096 * 8, 30 * DAY_S)).sweep() == ["n1", "n2"]


def test_recently_used_entries_stay_whatever_their_size(tmp_path: Path) -> None:
    _make(tmp_path, "fresh", age_s=0, size_bytes=MIB)
    assert CacheDir(tmp_path, Bounds(0, 0.0)).sweep() == []


def test_entry_held_by_another_process_stays_until_released(tmp_path: Path) -> None:
    _make(tmp_path, "held", age_s=9 * DAY_S)
    code = (
        "import sys; from pathlib import Path; from backend.storage.cache_dir import *\n"
        f"with CacheDir(Path({str(tmp_path)!r}), Bounds(0, 0)).hold('held') as there:\n"
        "    print(there, flush=True); sys.stdin.read()"
    )
    cache = CacheDir(tmp_path, Bounds(0, 0.0, keep_s=0))
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == "True\n"
        assert cache.sweep() == []
        holder.stdin.close()
        holder.wait(20)
    assert cache.sweep() == ["held"]
    assert not (tmp_path / "held").exists()


def test_entry_held_by_this_process_stays_and_its_use_is_recorded(tmp_path: Path) -> None:
    _make(tmp_path, "mine", age_s=9 * DAY_S)
    using, sweeping = (CacheDir(tmp_path, Bounds(0, DAY_S, keep_s=0)) for _ in range(2))
    with using.hold("mine") as there, using.hold("mine"):
        assert there
        assert using.sweep() == []
        assert sweeping.sweep() == []
    using.close()
    assert CacheDir(tmp_path, Bounds(MIB, DAY_S, keep_s=0)).sweep() == []
    assert sweeping.sweep() == ["mine"]
    with using.hold("mine") as there:
        assert not there
    using.close()


def test_number_of_open_descriptors_is_bounded(tmp_path: Path) -> None:
    cache = CacheDir(tmp_path, Bounds(MIB, DAY_S))
    before = _open_descriptors()
    for number in range(300):
        _make(tmp_path, f"n{number}", age_s=0)
        with cache.hold(f"n{number}") as there:
            assert there
    assert _open_descriptors() - before <= 64
    cache.close()


def test_sweeps_in_a_thread_release_no_entry_that_is_being_acquired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.storage.cache_dir.STAMP_S", 0.0)  # so that every use needs its descriptor
    cache = CacheDir(tmp_path, Bounds(MIB, DAY_S))
    _make(tmp_path, "wanted", age_s=0)
    is_over = threading.Event()

    def sweep() -> None:
        while not is_over.is_set():
            cache.sweep()

    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    with ThreadPoolExecutor(1) as thread:
        sweeping = thread.submit(sweep)
        try:
            for _ in range(20_000):
                with cache.hold("wanted") as there:
                    assert there
        finally:
            is_over.set()
            sys.setswitchinterval(interval_s)
        sweeping.result()
    cache.close()


def test_files_shared_by_folders_count_once_in_each(tmp_path: Path) -> None:
    _make(tmp_path, "one", age_s=0, size_bytes=MIB)
    os.link(tmp_path / "one/data", tmp_path / "one/again")
    assert MIB <= size_of(tmp_path / "one") < MIB + 65_536


def test_leftovers_of_a_killed_sweep_and_stale_records_are_removed(tmp_path: Path) -> None:
    _make(tmp_path, ".gone-x-1", age_s=0)
    touch(tmp_path / "long-gone")
    os.utime(tmp_path / ".long-gone.used", (0, 0))
    CacheDir(tmp_path, Bounds(MIB, DAY_S)).sweep()
    assert _names(tmp_path) == []


def _make(root: Path, name: str, *, age_s: float, size_bytes: int = 10) -> None:
    folder = root / name
    folder.mkdir()
    (folder / "data").write_bytes(b"x" * size_bytes)
    at = time.time() - age_s
    os.utime(folder, (at, at))


def _open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _names(root: Path) -> list[str]:
    return [path.name for path in root.iterdir()]
