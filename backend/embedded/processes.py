"""List the processes of the host, on systems with `/proc`."""

from __future__ import annotations

from pathlib import Path

PROC = Path("/proc")


def process_folders() -> list[Path]:
    """Return the folder of each process; none on systems without `/proc`. Each may disappear at any time.

    `Path.glob` is not used, because it checks each folder again, and fails if a process has ended in between.
    """
    try:
        return [folder for folder in PROC.iterdir() if folder.name.isdigit()]
    except OSError:
        return []
