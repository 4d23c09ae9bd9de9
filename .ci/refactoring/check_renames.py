"""Check that a range of commits, or the work tree, only moves files and renames.

    .venv/bin/python .ci/refactoring/check_renames.py BASE [HEAD] [--moved OLD=NEW] [--partial NAME] [--allow-text]

Each Python file must have the same syntax tree before and after, except for one mapping of names that is the same
in all files. Imports may be in another order and be split or joined. Other files may differ by the same mapping of
words; those that differ in another way are listed as warnings.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from import_blocks import explain
from moves import Moves, with_folders
from name_mapping import Difference, NameMapping
from repository import ROOT, SOURCE_ROOTS, Change, changes, module_name, read_all, tree_of
from syntax_comparison import ChangedString, Comparison, FileComparison

_SHOWN: Final = 70


@dataclass(slots=True)
class Report:
    """What a check found."""

    names: dict[str, str] = field(default_factory=dict)
    modules: dict[str, str] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    strings: list[Difference] = field(default_factory=list)
    """Literals that were renamed: what reads them must have been renamed, too."""
    warnings: list[Difference] = field(default_factory=list)
    compared: int = 0


def check(
    root: Path,
    base: str,
    head: str | None = None,
    *,
    moved: dict[str, str] | None = None,
    partial: frozenset[str] = frozenset(),
    allow_text: bool = False,
) -> Report:
    """Compare two revisions.

    Args:
        root: the folder of the repository.
        base: the revision before.
        head: the revision after; None for the work tree.
        moved: moves of files or folders that git does not detect, old path to new path.
        partial: names that may keep their old meaning in some places, or join an existing name.
        allow_text: whether docstrings and comments may change.
    """
    before, after = tree_of(root, base), tree_of(root, head)
    found = changes(root, before, after, moved)
    old = read_all(root, before, [change.old for change in found if change.old])
    new = read_all(root, after, [change.new for change in found if change.new])
    pairs = {change.old: change.new for change in found if change.old and change.new}
    mapping = NameMapping(Moves(with_folders(pairs)))
    comparison = Comparison()
    report = Report(modules=mapping.moves.modules)
    for change in found:
        if change.old and change.new and change.new.endswith(".py") and change.old.endswith(".py"):
            packages = _package(change.old), _package(change.new)
            one = FileComparison(
                mapping.of_file(change.new), mapping, comparison, packages, has_text=not allow_text
            )
            one.run(old[change.old].decode(), new[change.new].decode())
            report.compared += 1
    report.differences += comparison.differences
    report.differences += explain(comparison.imports, mapping)
    report.differences += mapping.inconsistencies(partial)
    report.names = mapping.names
    for string in comparison.strings:
        _judge_string(string, mapping, report)
    for change in found:
        _judge_other(change, old, new, mapping, report)
    return report


def _package(path: str) -> str:
    name = module_name(path)
    return name if path.endswith("/__init__.py") else name.rpartition(".")[0]


def _judge_string(string: ChangedString, mapping: NameMapping, report: Report) -> None:
    names = report.names
    shown = f"{string.old[:_SHOWN]!r} became {string.new[:_SHOWN]!r}"
    if string.is_text:
        is_same = mapping.words(string.old, names).split() == mapping.words(string.new, names).split()
    else:
        is_same = mapping.is_same_string(string.old, string.new, names)
        if is_same:
            report.strings.append(Difference(string.file, string.line, shown))
    if not is_same:
        kind = "text" if string.is_text else "string"
        report.differences.append(Difference(string.file, string.line, f"the {kind} {shown}"))


def _judge_other(
    change: Change, old: dict[str, bytes], new: dict[str, bytes], mapping: NameMapping, report: Report
) -> None:
    path = change.new or change.old or ""
    if change.old and change.new:
        if not path.endswith(".py"):
            report.warnings += _changed_lines(path, old[change.old], new[change.new], mapping, report.names)
    elif not path.endswith(".py"):
        report.warnings.append(
            Difference(path, 1, "the file is new" if change.new else "the file was deleted")
        )
    elif change.new is None or not _is_empty_package(path, new[change.new]):
        report.differences.append(
            Difference(path, 1, "the module is new" if change.new else "the module was deleted")
        )


def _is_empty_package(path: str, content: bytes) -> bool:
    """Return whether a file is an `__init__.py` that contains at most a docstring, outside of the source roots."""
    if not path.endswith("/__init__.py") or path in {f"{root}__init__.py" for root in SOURCE_ROOTS}:
        return False
    body = ast.parse(content).body
    return not body or (len(body) == 1 and ast.get_docstring(ast.parse(content)) is not None)


def _changed_lines(
    path: str, old: bytes, new: bytes, mapping: NameMapping, names: dict[str, str]
) -> list[Difference]:
    try:
        before, after = old.decode().splitlines(), new.decode().splitlines()
    except UnicodeDecodeError:
        return [] if old == new else [Difference(path, 1, "the binary file changed")]
    wanted = [mapping.words(line, names) for line in before]
    found = [mapping.words(line, names) for line in after]
    matcher = difflib.SequenceMatcher(None, wanted, found, autojunk=False) if wanted != found else None
    return [
        Difference(path, start + 1, f"{' / '.join(after[start:end])[:_SHOWN]!r}")
        for kind, _, _, start, end in (matcher.get_opcodes() if matcher else ())
        if kind != "equal"
    ]


def _printed(report: Report, limit: int) -> str:
    lines = [f"Compared {report.compared} Python files."]
    lines += [f"module {old} -> {new}" for old, new in sorted(report.modules.items())]
    lines += [f"name {old} -> {new}" for old, new in sorted(report.names.items())]
    for title, found in (
        ("String literals that were renamed", report.strings),
        ("Warnings: other files that changed in another way", report.warnings),
        ("Differences that a rename does not explain", report.differences),
    ):
        if found:
            lines += [f"{title} ({len(found)}):", *(f"  {one}" for one in found[:limit])]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the check from the command line and return its exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("base", help="the revision before")
    parser.add_argument("head", nargs="?", help="the revision after; the work tree when it is left out")
    parser.add_argument("--moved", action="append", default=[], metavar="OLD=NEW", help="a move of a path")
    parser.add_argument(
        "--partial",
        action="append",
        default=[],
        metavar="NAME",
        help="a name that may stay in some places, have more than one new name, or join a name that exists",
    )
    parser.add_argument("--allow-text", action="store_true", help="docstrings and comments may change")
    parser.add_argument("--limit", type=int, default=30, help="number of lines that each list prints")
    parser.add_argument("--root", type=Path, default=ROOT, help="the repository")
    options = parser.parse_args(arguments)
    report = check(
        options.root,
        options.base,
        options.head,
        moved=dict(hint.split("=", 1) for hint in options.moved),
        partial=frozenset(options.partial),
        allow_text=options.allow_text,
    )
    sys.stdout.write(_printed(report, options.limit))
    return 1 if report.differences else 0


if __name__ == "__main__":
    sys.exit(main())
