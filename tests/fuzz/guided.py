"""Coverage-guided fuzzing: `python -m tests.fuzz.guided ENTRY_POINT SECONDS FOLDER`."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from tests.fuzz.bounds import bounded

atheris: Any = importlib.import_module("atheris")  # of an optional dependency group
with atheris.instrument_imports(include=["backend", "workers"]):
    from tests.fuzz.entry_points import ENTRY_POINTS
    from tests.fuzz.seeds import SEEDS
MAX_MIB = 1024


def main(name: str, seconds: str, folder: Path) -> None:
    """Fuzz one entry point for this time; the exit code is not 0 if it fails."""
    for number, seed in enumerate(SEEDS[name]):
        (folder / f"seed-{number}").write_bytes(seed)

    def one(data: bytes) -> None:
        with bounded(measure_memory=False):  # the fuzzer limits memory itself
            ENTRY_POINTS[name](data)

    bounds = [f"-max_total_time={seconds}", "-timeout=30", f"-rss_limit_mb={MAX_MIB}", "-max_len=8192"]
    atheris.Setup([sys.argv[0], *bounds, f"-artifact_prefix={folder}/", str(folder)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
