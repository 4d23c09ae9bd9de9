"""Keeps libraries from importing what they can do without."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def missing(*packages: str) -> Iterator[None]:
    """Let imports of these packages fail, as if they were not installed; those that are imported already stay.

    Libraries import Rich where they find it, for consoles that our processes do not have: a tenth of a second of each
    start, and 10 MB of each process.
    """
    absent = [package for package in packages if package not in sys.modules]
    for package in absent:
        sys.modules[package] = None  # type: ignore[assignment]  # by which Python marks what cannot be imported
    try:
        yield
    finally:
        for package in absent:
            del sys.modules[package]
