"""Apply random mutations to a package, one at a time, and report which of them the tests notice.

    .venv/bin/python .ci/refactoring/sample_mutations.py backend/money --count 20 --seed 1 --tests tests/unit/money

Everything runs in a copy of the work tree, so the tests never see two mutations, and the work tree never changes.
The exit code is 1 when a mutation survives, and 2 when the tests fail without any.
"""

from __future__ import annotations

import argparse
import compileall
import difflib
import os
import py_compile
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mutations import Mutation, find_mutations
from repository import ROOT, git, tree_of

_SLACK_S: Final = 20.0
_UNUSABLE: Final = 2


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the tests said of a mutation."""

    path: str
    mutation: Mutation
    verdict: str
    """`killed`, `timeout` (the tests noticed it by hanging) or `survived`."""
    diff: str


def candidates(root: Path, package: str) -> list[tuple[str, Mutation]]:
    """Return every mutation of a module or of the modules of a package, by path."""
    start = root / package
    files = [start] if start.is_file() else sorted(start.rglob("*.py"))
    found: list[tuple[str, Mutation]] = []
    for file in files:
        path = file.relative_to(root).as_posix()
        found += [(path, mutation) for mutation in find_mutations(file.read_text(encoding="utf-8"))]
    return found


def copy_tree(root: Path, folder: Path) -> None:
    """Write the files of the work tree, those that are not committed included, to a new folder."""
    folder.mkdir(parents=True)
    tree = tree_of(root, None)
    archive = subprocess.run(
        ["git", "archive", "--format=tar", tree], cwd=root, check=True, stdout=subprocess.PIPE
    ).stdout
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)
    # Some tests ask git which files exist.
    git("init", "--quiet", root=folder)
    git("add", "--all", root=folder)
    # The tests write no compiled modules (below); without any, each of their processes would compile everything. These
    # name the hash of their source, so a mutated module is compiled again.
    compileall.compile_dir(
        folder, quiet=1, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH, workers=1
    )


def run_tests(folder: Path, tests: Sequence[str], timeout_s: float) -> int | None:
    """Run tests in a tree and return pytest's exit code; None when they took too long."""
    folders = (folder, folder / "skills_kit", folder / "mcp")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, folders)),
        # Two mutations of one size within a second would share a compiled module.
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            return process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            # The tests may have started servers, which belong to the same group of processes.
            os.killpg(process.pid, signal.SIGKILL)
            return None


def judge(folder: Path, path: str, mutation: Mutation, tests: Sequence[str], timeout_s: float) -> Outcome:
    """Apply one mutation, run the tests, and restore the file."""
    file = folder / path
    source = file.read_text(encoding="utf-8")
    mutated = mutation.apply(source)
    file.write_text(mutated, encoding="utf-8")
    try:
        code = run_tests(folder, tests, timeout_s)
    finally:
        file.write_text(source, encoding="utf-8")
    verdict = "timeout" if code is None else "survived" if code == 0 else "killed"
    lines = difflib.unified_diff(
        source.splitlines(), mutated.splitlines(), path, path, f"({mutation.kind})", lineterm="", n=2
    )
    return Outcome(path, mutation, verdict, "\n".join(lines))


def main(arguments: Sequence[str] | None = None) -> int:
    """Sample the mutations that the command line asks for and return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("package", help="the module or package to mutate")
    parser.add_argument("--count", type=int, default=10, help="number of mutations")
    parser.add_argument("--seed", type=int, default=0, help="seed of the choice of mutations")
    parser.add_argument(
        "--tests", nargs="+", required=True, metavar="PATH", help="tests that should notice them"
    )
    parser.add_argument(
        "--timeout",
        type=float,
        metavar="SECONDS",
        help="limit of one run; default: three times the first run",
    )
    parser.add_argument("--root", type=Path, default=ROOT, help="the repository")
    options = parser.parse_args(arguments)
    found = candidates(options.root, options.package)
    generator = random.Random(options.seed)  # noqa: S311, nothing here is a secret
    chosen = generator.sample(found, min(options.count, len(found)))
    with tempfile.TemporaryDirectory(prefix="mutations-") as parent:
        folder = Path(parent) / "tree"
        copy_tree(options.root, folder)
        started = time.monotonic()
        if run_tests(folder, options.tests, options.timeout or 3600) != 0:
            sys.stderr.write("The tests fail without a mutation, or found nothing to run.\n")
            return _UNUSABLE
        timeout_s = options.timeout or 3 * (time.monotonic() - started) + _SLACK_S
        survivors: list[Outcome] = []
        for number, (path, mutation) in enumerate(chosen, 1):
            outcome = judge(folder, path, mutation, options.tests, timeout_s)
            line = f"{number}/{len(chosen)} {outcome.verdict}: {path}:{mutation.line} {mutation.kind}\n"
            sys.stdout.write(line)
            sys.stdout.flush()
            if outcome.verdict == "survived":
                survivors.append(outcome)
    for outcome in survivors:
        sys.stdout.write(f"\n{outcome.diff}\n")
    killed = len(chosen) - len(survivors)
    sys.stdout.write(f"\nKilled {killed} of {len(chosen)} mutations, chosen from {len(found)}.\n")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
