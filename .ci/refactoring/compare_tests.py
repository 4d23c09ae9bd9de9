"""Compare the tests of the work tree with those of a revision: which are missing, and which assert less.

    .venv/bin/python .ci/refactoring/compare_tests.py BASE [--expected FILE]

Each line of FILE is the ID of a test that may be missing, a space, and the reason. The exit code is 1 when another
test is missing. A renamed file of tests is followed as git detects it; a test that got another name counts as missing.
"""

from __future__ import annotations

import argparse
import ast
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from repository import ROOT, changes, git, tracked_files, tree_of

_CALLS: Final = ("raises", "warns", "fail")
"""Functions of pytest that fail a test, as an assertion does."""
_INTERRUPTED: Final = 2


class CollectError(Exception):
    """pytest could not collect the tests of a tree; the text contains its output."""


class Comparison(NamedTuple):
    """How the tests of two trees differ."""

    missing: list[str]
    added: list[str]
    fewer_assertions: list[str]


def collect(root: Path, paths: Sequence[str]) -> list[str]:
    """Return the IDs of the tests in a tree.

    Raises:
        CollectError: a module of tests could not be imported.
    """
    # The packages of the tree itself, and not those that the environment has installed.
    folders = (root, root / "skills_kit", root / "mcp")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders))}
    command = [sys.executable, "-m", "pytest", "-o", "addopts=", "--import-mode=importlib", "-q"]
    command += ["--collect-only", "-p", "no:cacheprovider", *paths]
    process = subprocess.run(
        command, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if process.returncode not in (0, 5):
        raise CollectError(f"Collecting the tests of {root} failed:\n{process.stdout[-4000:]}")
    return [line for line in process.stdout.splitlines() if "::" in line and not line.startswith(" ")]


def count_assertions(source: str) -> int:
    """Return the number of assertions in a file: `assert` statements and the checks of pytest and mock."""
    return sum(isinstance(node, ast.Assert) or _is_check(node) for node in ast.walk(ast.parse(source)))


def _is_check(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    name, owner = node.func.attr, node.func.value
    is_pytest = isinstance(owner, ast.Name) and owner.id == "pytest" and name in _CALLS
    return is_pytest or name.startswith("assert_")


def assertions(root: Path, paths: Sequence[str]) -> dict[str, int]:
    """Return the number of assertions of each Python file below some paths."""
    found = tracked_files(root, paths, has_untracked=True)
    files = [path for path in found if path.endswith(".py")]
    return {path: count_assertions((root / path).read_text(encoding="utf-8")) for path in files}


def compare(
    old: Iterable[str],
    new: Iterable[str],
    old_assertions: Mapping[str, int],
    new_assertions: Mapping[str, int],
    renamed: Mapping[str, str],
) -> Comparison:
    """Compare IDs of tests and numbers of assertions.

    Args:
        old: the IDs before.
        new: the IDs after.
        old_assertions: the number of assertions of each file before.
        new_assertions: the number after.
        renamed: files that moved, old path to new path.
    """
    after = set(new)
    before = {_moved(test, renamed): test for test in old}
    missing = sorted(test for moved, test in before.items() if moved not in after)
    fewer = []
    for path, count in sorted(old_assertions.items()):
        path_after = renamed.get(path, path)
        count_after = new_assertions.get(path_after, 0)
        if count_after < count:
            fewer.append(f"{path_after}: {count_after} instead of {count}")
    return Comparison(missing, sorted(after - set(before)), fewer)


def _moved(test: str, renamed: Mapping[str, str]) -> str:
    path, separator, rest = test.partition("::")
    return renamed.get(path, path) + separator + rest


def read_expected(text: str) -> set[str]:
    """Return the tests that may be missing.

    Raises:
        ValueError: a line gives no reason.
    """
    found: set[str] = set()
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        # The ID of a parametrized test may contain spaces: the reason follows the closing bracket then.
        is_parametrized = "[" in line and " " not in line.partition("[")[0]
        end = line.find("] ") + 1 if is_parametrized else line.find(" ")
        if end <= 0 or not line[end:].strip():
            raise ValueError(f"No reason after the ID of the test: {line!r}. Write it after a space.")
        found.add(line[:end])
    return found


def compare_with(root: Path, base: str, paths: Sequence[str]) -> Comparison:
    """Compare the work tree with a revision, which is checked out in a temporary work tree."""
    with tempfile.TemporaryDirectory(prefix="compare-tests-") as folder:
        checkout = Path(folder) / "base"
        git("worktree", "add", "--detach", "--quiet", str(checkout), base, root=root)
        try:
            existing = [path for path in paths if (checkout / path).exists()]
            old, old_assertions = collect(checkout, existing), assertions(checkout, existing)
        finally:
            git("worktree", "remove", "--force", str(checkout), root=root)
    found = changes(root, tree_of(root, base), tree_of(root, None))
    renamed = {change.old: change.new for change in found if change.old and change.new}
    return compare(old, collect(root, paths), old_assertions, assertions(root, paths), renamed)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare the tests that the command line names and return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("base", help="the revision to compare with")
    parser.add_argument("--expected", type=Path, metavar="FILE", help="tests that may be missing")
    parser.add_argument("--paths", nargs="+", default=["tests"], help="the folders of tests")
    parser.add_argument("--root", type=Path, default=ROOT, help="the repository")
    options = parser.parse_args(arguments)
    try:
        expected = read_expected(options.expected.read_text(encoding="utf-8")) if options.expected else set()
        found = compare_with(options.root.resolve(), options.base, options.paths)
    except (CollectError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return _INTERRUPTED
    unexpected = [test for test in found.missing if test not in expected]
    lines: list[str] = []
    for title, tests in (
        ("Missing", unexpected),
        ("Missing, as expected", [test for test in found.missing if test in expected]),
        ("Added", found.added),
        ("Fewer assertions", found.fewer_assertions),
    ):
        lines += [f"{title} ({len(tests)}):", *(f"  {test}" for test in tests)] if tests else []
    lines.append(f"{len(unexpected)} tests are missing, {len(found.added)} were added.")
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if unexpected else 0


if __name__ == "__main__":
    sys.exit(main())
