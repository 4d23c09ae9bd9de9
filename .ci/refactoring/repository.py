"""Read trees of the git repository: which files changed, what they contain, and the work tree as a tree."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[2]
SOURCE_ROOTS: Final = ("skills_kit/", "mcp/")
"""Folders whose packages are imported without the name of the folder."""
_SIMILARITY: Final = "--find-renames=40%"


class Change(NamedTuple):
    """A file that differs between two trees; a path is None where the file does not exist."""

    old: str | None
    new: str | None


def git(*arguments: str, root: Path, environment: Mapping[str, str] | None = None) -> str:
    """Run git and return what it prints.

    Raises:
        subprocess.CalledProcessError: git failed; its error output was passed through.
    """
    command = ["git", "-c", "core.quotepath=off", *arguments]
    return subprocess.run(
        command, cwd=root, env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def tree_of(root: Path, revision: str | None) -> str:
    """Return the ID of a revision's tree; without a revision, the ID of a tree written from the work tree."""
    if revision is not None:
        return git("rev-parse", "--verify", f"{revision}^{{tree}}", root=root).strip()
    index = root / git("rev-parse", "--git-path", "index", root=root).strip()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "index"
        if index.exists():
            shutil.copyfile(index, copy)
        environment = {**os.environ, "GIT_INDEX_FILE": str(copy)}
        git("add", "--all", root=root, environment=environment)
        return git("write-tree", root=root, environment=environment).strip()


def changes(root: Path, base: str, head: str, moved: Mapping[str, str] | None = None) -> list[Change]:
    """Return the files that differ between two trees, with the renames that git detects or `moved` names.

    Args:
        root: the folder of the repository.
        base: the tree before.
        head: the tree after.
        moved: files or folders, old path to new path, that take precedence over git's detection.
    """
    fields = iter(
        git("diff-tree", "-r", "-z", "-l0", _SIMILARITY, "--name-status", base, head, root=root).split("\0")
    )
    pairs: dict[str, str | None] = {}
    added: set[str] = set()
    for status in fields:
        if status.startswith("R"):
            old = next(fields)
            pairs[old] = next(fields)
        elif status == "A":
            added.add(next(fields))
        elif status:
            path = next(fields)
            pairs[path] = None if status == "D" else path
    _apply_hints(pairs, added, moved or {})
    found = [Change(old, new) for old, new in pairs.items()] + [Change(None, new) for new in added]
    return sorted(found, key=lambda change: change.new or change.old or "")


def _apply_hints(pairs: dict[str, str | None], added: set[str], moved: Mapping[str, str]) -> None:
    for old_prefix, new_prefix in moved.items():
        for old in [path for path in pairs if path == old_prefix or path.startswith(f"{old_prefix}/")]:
            wanted = new_prefix + old.removeprefix(old_prefix)
            holders = [path for path, new in pairs.items() if new == wanted]
            if wanted not in added and not holders:
                continue
            for holder in holders:
                pairs[holder] = None
            added.discard(wanted)
            before = pairs[old]
            if before is not None and before != wanted:
                added.add(before)
            pairs[old] = wanted


def read_all(root: Path, tree: str, paths: Iterable[str]) -> dict[str, bytes]:
    """Return the contents of files of a tree, by path."""
    wanted = list(dict.fromkeys(paths))
    process = subprocess.run(
        ["git", "cat-file", "--batch"],
        cwd=root,
        input="".join(f"{tree}:{path}\n" for path in wanted).encode(),
        stdout=subprocess.PIPE,
        check=True,
    )
    output, position = process.stdout, 0
    contents: dict[str, bytes] = {}
    for path in wanted:
        end = output.index(b"\n", position)
        header = output[position:end].split()
        if len(header) != 3 or not header[2].isdigit():
            raise FileNotFoundError(f"{path} is not in the tree {tree}.")
        start = end + 1
        contents[path] = output[start : start + int(header[2])]
        position = start + int(header[2]) + 1
    return contents


def tracked_files(root: Path, patterns: Sequence[str] = (), *, has_untracked: bool = False) -> list[str]:
    """Return the paths of the tracked files that the work tree contains, and if asked of those not yet tracked."""
    others = ("--cached", "--others", "--exclude-standard") if has_untracked else ()
    found = git("ls-files", "-z", *others, "--", *patterns, root=root).split("\0")
    return sorted({path for path in found if path and (root / path).is_file()})


def module_name(path: str) -> str:
    """Return the dotted name under which a Python file is imported."""
    for source_root in SOURCE_ROOTS:
        path = path.removeprefix(source_root)
    parts = path.removesuffix(".py").split("/")
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts)
