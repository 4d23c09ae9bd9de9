"""What a kernel in a sandbox is made of: ipykernel and what it stands on, taken one by one from our own environment.

A skill's environment need not have them, and sees them behind its own packages: of what both have, the skill's counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

_ROOTS: Final = ("ipykernel", "jupyter-client", "pyyaml")
_UNUSED: Final = frozenset({"debugpy", "jedi", "parso", "pexpect", "ptyprocess"})
"""They serve editors and terminals, which no sandbox has, and are large."""

_PLOTS: Final = "matplotlib.backend"
"""Where a skill's matplotlib looks for what shows its figures in a kernel."""


@cache
def kernel_packages() -> tuple[Path, ...]:
    """Every top-level folder and file of them, on this machine."""
    places: dict[str, Path] = {}
    for found in _closure(_ROOTS):
        for place in _top_level(found):
            places.setdefault(place.name, place)
    return tuple(places.values())


def _closure(roots: tuple[str, ...]) -> Iterator[Distribution]:
    waiting, seen = list(roots), set(_UNUSED)
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name in seen:
            continue
        seen.add(name)
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue  # asked for on other systems
        yield found
        for text in found.requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)


def _top_level(found: Distribution) -> Iterator[Path]:
    """Its packages and modules, not what starts them, nor what describes them, unless others find them by that."""
    is_found = any(point.group == _PLOTS for point in found.entry_points)
    names = {file.parts[0] for file in found.files or ()}
    root = Path(str(found.locate_file("")))
    for name in sorted(names):
        if name == ".." or name.endswith(".pth") or name == "__pycache__":
            continue
        if name.endswith(".dist-info") and not is_found:
            continue
        if (root / name).exists():
            yield root / name
