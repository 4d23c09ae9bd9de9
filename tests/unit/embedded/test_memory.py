"""The cache of the embedded PostgreSQL follows the memory of the host."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from backend.embedded import memory

GIB = 1 << 30


@pytest.mark.parametrize(
    ("memory_gib", "expected_mb"), [(0.5, 128), (2, 128), (4, 256), (8, 512), (16, 1024), (512, 1024)]
)
def test_cache_is_a_sixteenth_within_bounds(memory_gib: float, expected_mb: int) -> None:
    assert memory.shared_buffers_mb(int(memory_gib * GIB)) == expected_mb


@pytest.mark.parametrize(
    ("limit", "expected"), [(f"{GIB}\n", GIB), ("max\n", None), (f"{1 << 60}\n", None), (None, None)]
)
def test_limit_of_a_container_counts(tmp_path: Path, limit: str | None, expected: int | None) -> None:
    file = tmp_path / "memory.max"
    if limit is not None:
        file.write_text(limit, encoding="ascii")
    of_host = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert memory.total_bytes(file) == (of_host if expected is None else expected)
