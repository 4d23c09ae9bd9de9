"""Add the files of a release that are not modules to the wheel and the source distribution of `puras-studio`.

The pages are built before (`make wheels`), so that a wheel can be built from the source distribution without network
and without the JavaScript toolchain. `backend/core/release_files.py` locates the files.
"""

from __future__ import annotations

import gzip
import tempfile
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
    ".web/shared_job.js",
)
"""The results of `make pages` that a running instance reads."""
COMPRESSED = (".html", ".js", ".json")
"""Files of the documentation that a wheel contains as `NAME.gz`, in a sixth of the space: 2 MB in place of 12."""
UNCOMPRESSED = ("script-hashes.json", "404.html")
"""Files of these types that the server reads, or sends without a look at what the browser accepts."""


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
        if self.target_name == "sdist":
            build_data["force_include"].update(_built(root))
            return
        self._compressed = tempfile.TemporaryDirectory()
        built = _built(root)
        del built[str(root / ".web/docs")]
        built |= _documentation(root, Path(self._compressed.name))
        build_data["force_include"].update({**_moved(built), **_sources(root)})

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Delete the compressed files, which are in the wheel now."""
        if hasattr(self, "_compressed"):
            self._compressed.cleanup()


def _built(root: Path) -> dict[str, str]:
    return {str(root / name): name for name in BUILT}


def _documentation(root: Path, folder: Path) -> dict[str, str]:
    """Return the files of the documentation, with large texts compressed; `studio/documentation.py` serves them."""
    included = {}
    for number, file in enumerate(sorted((root / ".web/docs").rglob("*"))):
        name = file.relative_to(root).as_posix()
        if not file.is_file():
            continue
        if file.suffix not in COMPRESSED or file.name in UNCOMPRESSED:
            included[str(file)] = name
            continue
        compressed = folder / f"{number}.gz"
        compressed.write_bytes(gzip.compress(file.read_bytes(), mtime=0))
        included[str(compressed)] = f"{name}.gz"
    return included


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
