"""Folders and files into zips: the same content gives the same bytes."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path

from backend.bundles.errors import BundleUnreadable

LEFT_OUT_FOLDERS = frozenset(
    {
        ".git",
        ".hg",
        ".svn",
        ".venv",
        "venv",
        "env",
        "node_modules",
        ".idea",
        ".vscode",
        "dist",
        "build",
        ".next",
    }
    | {"__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
)
LEFT_OUT_FILES = frozenset({".DS_Store", ".env", ".env.local"})
LEFT_OUT_SUFFIXES = (".pyc", ".pyo", ".log")

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest moment a zip can name; a real one would change the bytes
_UNIX = 3
_REGULAR = 0o100000


def pack(folder: Path) -> bytes:
    """The zip of a project's folder, without caches, environments and dot-env files.

    Raises:
        BundleUnreadable: the folder has a link that leads out of it.
    """
    root = folder.resolve()
    return _zipped(
        (path.relative_to(root).as_posix(), path.read_bytes(), bool(path.stat().st_mode & 0o111))
        for path in sorted(_files(root), key=lambda path: path.relative_to(root).as_posix())
    )


def pack_files(files: Mapping[str, bytes]) -> bytes:
    """The zip of files that are held in memory, by their path."""
    return _zipped((path, files[path], False) for path in sorted(files))


def _files(root: Path) -> Iterator[Path]:
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = sorted(name for name in subfolders if name not in LEFT_OUT_FOLDERS)
        for name in (*subfolders, *names):
            path = Path(folder, name)
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                raise BundleUnreadable(f"{path} is a link that leads out of the folder. Put the file there.")
        for name in names:
            path = Path(folder, name)
            if name not in LEFT_OUT_FILES and not name.endswith(LEFT_OUT_SUFFIXES) and path.is_file():
                yield path


def _zipped(files: Iterator[tuple[str, bytes, bool]]) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path, content, is_executable in files:
            info = zipfile.ZipInfo(path, _EPOCH)
            info.create_system = _UNIX
            info.external_attr = (_REGULAR | (0o755 if is_executable else 0o644)) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return buffer.getvalue()
