"""Prevent libraries from importing optional packages."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def missing(*packages: str) -> Iterator[None]:
    """Let imports of these packages fail, as if they were not installed; packages that are imported already stay.

    Libraries import Rich if it is installed, for consoles that these processes do not have. This would take a tenth of
    a second of each start, and 10 MB of memory of each process. The client of Redis imports the SDK of OpenTelemetry,
    and jsonschema a parser of durations, for functions that are not used.
    """
    absent = [package for package in packages if package not in sys.modules]
    for package in absent:
        sys.modules[package] = None  # type: ignore[assignment]  # marks a module that cannot be imported
    try:
        yield
    finally:
        for package in absent:
            del sys.modules[package]
