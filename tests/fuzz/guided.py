"""Fuzzing that is guided by what the code does with its input: `python -m tests.fuzz.guided DOOR SECONDS FOLDER`."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from tests.fuzz.watching import watched

atheris: Any = importlib.import_module("atheris")  # of a group that is not installed everywhere
with atheris.instrument_imports(include=["backend", "workers"]):
    from tests.fuzz.doors import DOORS
    from tests.fuzz.seeds import SEEDS
MAX_MIB = 1024


def main(name: str, seconds: str, folder: Path) -> None:
    """Fuzz one door until the time is over; ends with another code than 0 when it does not hold."""
    for number, seed in enumerate(SEEDS[name]):
        (folder / f"seed-{number}").write_bytes(seed)

    def one(data: bytes) -> None:
        with watched(measure_memory=False):  # the fuzzer itself has a bound for memory
            DOORS[name](data)

    bounds = [f"-max_total_time={seconds}", "-timeout=30", f"-rss_limit_mb={MAX_MIB}", "-max_len=8192"]
    atheris.Setup([sys.argv[0], *bounds, f"-artifact_prefix={folder}/", str(folder)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
