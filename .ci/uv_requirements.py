"""Print the requirements file of the bootstrap: the uv of uv.lock, with the hashes of its wheels.

`make uv-pin` writes it. No source distribution is listed, since building one runs its code.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Final

LOCK: Final = Path(__file__).resolve().parents[1] / "uv.lock"
HEAD: Final = """\
# The uv that creates the environment, in the bootstrap and in the image; `make uv-pin` writes this file from uv.lock.
"""


def rendered(lock: Path = LOCK) -> str:
    """Return the file as it should be.

    Raises:
        LookupError: the lock does not name exactly one uv.
    """
    packages = tomllib.loads(lock.read_text(encoding="utf-8"))["package"]
    found = [package for package in packages if package["name"] == "uv"]
    if len(found) != 1:
        raise LookupError(f"{lock} names {len(found)} packages 'uv', and the bootstrap needs exactly one.")
    hashes = sorted(wheel["hash"] for wheel in found[0]["wheels"])
    lines = [f"uv=={found[0]['version']}", *(f"    --hash={one}" for one in hashes)]
    return HEAD + " \\\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(rendered())
