"""Which processes there are, on systems that tell in `/proc`."""

from __future__ import annotations

from pathlib import Path

PROC = Path("/proc")


def process_folders() -> list[Path]:
    """The folder of each process; none on systems without `/proc`. Any of them may be gone when it is looked into.

    Not with `Path.glob`: that looks whether what it found is there, and fails when a process ends in between.
    """
    try:
        return [folder for folder in PROC.iterdir() if folder.name.isdigit()]
    except OSError:
        return []
