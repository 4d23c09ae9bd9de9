"""Add the files of a release that are not modules to the wheel and the source distribution of `puras-studio`.

The pages are built before (`make wheels`), so that a wheel can be built from the source distribution without network
and without the JavaScript toolchain. `backend/core/release_files.py` locates the files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SHIPPED = "backend/release_files"
BUILT = (
    ".web/build/client",
    ".web/build/script-hashes.json",
    ".web/build/sources.sha256",
    ".web/routes.json",
    ".web/backend",  # otherwise Reflex evaluates all pages at the start, and stores the result there
    ".web/docs",
    ".web/embed.js",
)
"""The results of `make pages` that a running instance reads."""


class ReleaseFiles(BuildHookInterface):  # type: ignore[type-arg]
    """The hook that hatchling calls for each target."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the files, except to editable installations, which use the checkout.

        Raises:
            FileNotFoundError: The pages are not built.
        """
        if version == "editable":
            return
        root = Path(self.root)
        missing = [name for name in BUILT if not (root / name).exists()]
        if missing:
            raise FileNotFoundError(
                f"{', '.join(missing)}: not built. Run `make wheels`, which builds the pages first."
            )
        is_sdist = self.target_name == "sdist"
        build_data["force_include"].update(
            _built(root) if is_sdist else {**_moved(_built(root)), **_sources(root)}
        )


def _built(root: Path) -> dict[str, str]:
    return {str(root / name): name for name in BUILT}


def _moved(built: dict[str, str]) -> dict[str, str]:
    return {source: f"{SHIPPED}/{target.removeprefix('.')}" for source, target in built.items()}


def _sources(root: Path) -> dict[str, str]:
    """Return the parts of the checkout that a running instance reads."""
    pages = [page for page in sorted((root / "docs").rglob("*.md")) if "decisions" not in page.parts]
    return {
        str(root / "puras_studio.py"): "puras_studio.py",
        str(root / "rxconfig.py"): f"{SHIPPED}/rxconfig.py",
        str(root / "skills_kit" / "puras"): f"{SHIPPED}/kit/puras",
        str(root / "skills_kit" / "templates"): f"{SHIPPED}/kit/puras/templates",
        **{str(page): f"{SHIPPED}/{page.relative_to(root).as_posix()}" for page in pages},
    }
