"""Folders and files into zips and back: the same content gives the same bytes."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from io import BytesIO
from pathlib import Path, PurePosixPath

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
MOST_FILES = 5_000
MOST_BYTES = 256 * 1024 * 1024
"""Both as an instance takes them, unpacked."""

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest moment a zip can name; a real one would change the bytes
_UNIX = 3
_REGULAR = 0o100000
_EXECUTABLE = 0o111


class BundleError(Exception):
    """The folder cannot be packed, or the bundle not be unpacked there."""


def pack(folder: Path) -> bytes:
    """The zip of a skillpack's folder, without caches, environments and dot-env files.

    Raises:
        BundleError: the folder has a link that leads out of it, or holds more than an instance takes; nothing of its
            files was read then.
    """
    root = folder.resolve()
    return _zipped(
        (path.relative_to(root).as_posix(), path.read_bytes(), bool(path.stat().st_mode & _EXECUTABLE))
        for path in sorted(_bounded(root), key=lambda path: path.relative_to(root).as_posix())
    )


def pack_files(files: Mapping[str, bytes], *, executable: Collection[str] = ()) -> bytes:
    """The zip of files that are held in memory, by their path."""
    return _zipped((path, files[path], path in executable) for path in sorted(files))


def unpack(content: bytes, folder: Path, *, force: bool = False) -> list[str]:
    """Write a bundle's files into a folder; gives their names.

    Raises:
        BundleError: it is no zip, a name leads out of the folder, or a file is there with other content and there is no
            `force`; then nothing was written.
    """
    try:
        archive = zipfile.ZipFile(BytesIO(content))
    except zipfile.BadZipFile as error:
        raise BundleError("What came is not a bundle.") from error
    with archive:
        files = {info.filename: archive.read(info) for info in archive.infolist() if not info.is_dir()}
        modes = {info.filename: info.external_attr >> 16 for info in archive.infolist()}
    root = folder.resolve()
    for name, data in files.items():
        target = _inside(root, name)
        if target.exists() and not force and target.read_bytes() != data:
            raise BundleError(f"{name} is other in {folder}. Nothing was written; --force writes over it.")
    for name, data in files.items():
        target = _inside(root, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        if modes[name] & _EXECUTABLE:
            target.chmod(0o755)
    return list(files)


def _inside(root: Path, name: str) -> Path:
    parts = PurePosixPath(name).parts
    target = root.joinpath(*parts)
    if name.startswith("/") or ".." in parts or "\\" in name or not target.resolve().is_relative_to(root):
        raise BundleError(
            f"The bundle has the name {name!r}, which leads out of the folder. Nothing was written."
        )
    return target


def _bounded(root: Path) -> list[Path]:
    """The files of a folder, counted while they are found: a whole disk is not walked before it is refused."""
    found: list[Path] = []
    size_bytes = 0
    for path in _files(root):
        found.append(path)
        size_bytes += path.stat().st_size
        if len(found) > MOST_FILES or size_bytes > MOST_BYTES:
            measure = f"{MOST_FILES:,} files" if len(found) > MOST_FILES else f"{MOST_BYTES // 2**20} MiB"
            raise BundleError(
                f"{root} holds more than {measure}, which is the most that a bundle may have. Give the folder of the "
                "skills alone, and put large files on the drive."
            )
    return found


def _files(root: Path) -> Iterator[Path]:
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = sorted(name for name in subfolders if name not in LEFT_OUT_FOLDERS)
        for name in (*subfolders, *names):
            path = Path(folder, name)
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                raise BundleError(f"{path} is a link that leads out of the folder. Put the file there.")
        for name in names:
            path = Path(folder, name)
            if name not in LEFT_OUT_FILES and not name.endswith(LEFT_OUT_SUFFIXES) and path.is_file():
                yield path


def _zipped(files: Iterable[tuple[str, bytes, bool]]) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path, content, is_executable in files:
            info = zipfile.ZipInfo(path, _EPOCH)
            info.create_system = _UNIX
            info.external_attr = (_REGULAR | (0o755 if is_executable else 0o644)) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return buffer.getvalue()
