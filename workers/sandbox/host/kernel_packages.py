"""Provide the packages of a kernel in a sandbox.

They are `ipykernel` and its dependencies, from the worker's own environment. The environment of a skill need
not have them. Its own packages take precedence over them.
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
"""They are large, and serve editors and terminals, which no sandbox has."""

_PLOTS: Final = "matplotlib.backend"
"""The entry points with which matplotlib finds the backend for kernels."""


@cache
def kernel_packages() -> tuple[Path, ...]:
    """Return every top-level folder and file of them, on this host."""
    paths: dict[str, Path] = {}
    for found in _closure(_ROOTS):
        for path in _top_level(found):
            paths.setdefault(path.name, path)
    return tuple(paths.values())


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
            continue  # required on other systems only
        yield found
        for text in found.requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)


def _top_level(found: Distribution) -> Iterator[Path]:
    """Yield its packages and modules, without programs and, unless it is a plot backend, without metadata."""
    is_backend = any(point.group == _PLOTS for point in found.entry_points)
    names = {file.parts[0] for file in found.files or ()}
    root = Path(str(found.locate_file("")))
    for name in sorted(names):
        if name == ".." or name.endswith(".pth") or name == "__pycache__":
            continue
        if name.endswith(".dist-info") and not is_backend:
            continue
        if (root / name).exists():
            yield root / name
