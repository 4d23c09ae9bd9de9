"""Pack folders and files into ZIP archives, and unpack them. The same content results in the same bytes."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
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
        ".ipynb_checkpoints",
    }
    | {"__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
)
LEFT_OUT_FILES = frozenset({".DS_Store", ".env", ".env.local"})
LEFT_OUT_SUFFIXES = (".pyc", ".pyo", ".log")
NOTEBOOK_SUFFIX = ".ipynb"
SKILL_FILES = frozenset({"skill.yaml", "SKILL.md"})
MAX_FILES = 5_000
MAX_BYTES = 256 * 1024 * 1024
"""The limits of the instance, for an unpacked bundle."""

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time of the ZIP format; the real one would change the bytes
_UNIX = 3
_REGULAR = 0o100000
_EXECUTABLE = 0o111


class BundleError(Exception):
    """The folder cannot be packed, or the bundle cannot be unpacked into the folder."""


def pack(folder: Path) -> bytes:
    """Return the ZIP archive of the folder of a skillpack.

    Caches, virtual environments, `.env` files and notebooks whose name is in no file of a skill are left out.

    Raises:
        BundleError: The folder has a link to a path outside of it, or exceeds the limits of the instance. In both cases
            no file was read.
    """
    found = _found(folder.resolve())
    left_out = _unnamed(found)
    return _zipped(
        (name, path.read_bytes(), bool(path.stat().st_mode & _EXECUTABLE))
        for name, path in found.items()
        if name not in left_out
    )


def left_out_of(folder: Path) -> list[str]:
    """Return the notebooks in the folder of a skillpack that `pack` leaves out.

    Raises:
        BundleError: As in `pack`.
    """
    return sorted(_unnamed(_found(folder.resolve())))


def unnamed_notebooks(paths: Collection[str], read: Callable[[str], bytes]) -> set[str]:
    """Return the notebooks among these files that belong to no skill.

    A notebook belongs to a skill if another file in the folder of the skill contains the name of the notebook.
    """
    folders = {path.rpartition("/")[0] for path in paths if path.rpartition("/")[2] in SKILL_FILES}
    unnamed: dict[str, str | None] = {
        path: _folder_of(path, folders) for path in paths if path.endswith(NOTEBOOK_SUFFIX)
    }
    for folder in {one for one in unnamed.values() if one is not None}:
        own = {path for path, its_folder in unnamed.items() if its_folder == folder}
        for path in paths:
            if own and not path.endswith(NOTEBOOK_SUFFIX) and _folder_of(path, {folder}) is not None:
                named = _named(own, read(path))
                own -= named
                for one in named:
                    del unnamed[one]
    return set(unnamed)


def pack_files(files: Mapping[str, bytes], *, executable: Collection[str] = ()) -> bytes:
    """Return the ZIP archive of files in memory, given by their paths."""
    return _zipped((path, files[path], path in executable) for path in sorted(files))


def unpack(content: bytes, folder: Path, *, force: bool = False) -> list[str]:
    """Write the files of a bundle into a folder, and return their names.

    Raises:
        BundleError: The content is not a ZIP archive, a name leads out of the folder, or a file exists with different
            content and `force` is not set. Nothing was written.
    """
    try:
        archive = zipfile.ZipFile(BytesIO(content))
    except zipfile.BadZipFile as error:
        raise BundleError(
            "The downloaded content is not a bundle (a ZIP archive). Check the URL of the instance: puras whoami"
        ) from error
    with archive:
        files = {info.filename: archive.read(info) for info in archive.infolist() if not info.is_dir()}
        modes = {info.filename: info.external_attr >> 16 for info in archive.infolist()}
    root = folder.resolve()
    for name, data in files.items():
        target = _inside(root, name)
        if target.exists() and not force and target.read_bytes() != data:
            raise BundleError(
                f"{name} exists in {folder} with different content. No file was written. Overwrite it with --force."
            )
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
            f"The bundle contains the name {name!r}, which leads out of the folder. No file was written."
        )
    return target


def _folder_of(path: str, folders: Collection[str]) -> str | None:
    """Return the innermost of these folders that contains the path."""
    around = [one for one in folders if not one or path.startswith(f"{one}/")]
    return max(around, key=len, default=None)


def _named(notebooks: Iterable[str], content: bytes) -> set[str]:
    """Return the notebooks whose names the content contains."""
    if NOTEBOOK_SUFFIX.encode() not in content:
        return set()
    names = {path: re.escape(path.rpartition("/")[2].encode()) for path in notebooks}
    return {
        path for path, name in names.items() if re.search(rb"(?<![\w.-])" + name + rb"(?![\w-])", content)
    }


def _unnamed(found: Mapping[str, Path]) -> set[str]:
    return unnamed_notebooks(found.keys(), lambda name: found[name].read_bytes())


def _found(root: Path) -> dict[str, Path]:
    """Return the files of a folder by their names in the bundle, in order."""
    named = {path.relative_to(root).as_posix(): path for path in _bounded(root)}
    return {name: named[name] for name in sorted(named)}


def _bounded(root: Path) -> list[Path]:
    """Return the files of a folder, and stop at the limits, so that a large disk is not read to its end."""
    found: list[Path] = []
    size_bytes = 0
    for path in _files(root):
        found.append(path)
        size_bytes += path.stat().st_size
        if len(found) > MAX_FILES or size_bytes > MAX_BYTES:
            measure = f"{MAX_FILES:,} files" if len(found) > MAX_FILES else f"{MAX_BYTES // 2**20} MiB"
            raise BundleError(
                f"{root} contains more than {measure}, which is the maximum of a bundle. Use the folder that contains "
                "only the skills, and upload large files to the drive: puras drive cp FILE drive:FILE"
            )
    return found


def _files(root: Path) -> Iterator[Path]:
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = sorted(name for name in subfolders if name not in LEFT_OUT_FOLDERS)
        for name in (*subfolders, *names):
            path = Path(folder, name)
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                raise BundleError(
                    f"{path} is a link to a path outside of the folder. Replace the link with the file."
                )
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
