"""Compare the measured structure with the recorded one; each function returns one message for each problem."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from job_status import OWNED_SQL, OWNER
from structure import Limits

COMMAND: Final = ".venv/bin/python .ci/structure.py"
ALLOWED: Final = "tests/unit/structure/allowed.toml"
LARGE_DROP: Final = 0.95
"""A measured number of at most this share of the recorded one is worth recording."""


def larger_cycles(recorded: Limits, measured: Limits) -> list[str]:
    """Return the packages in which the largest cycle of siblings has grown."""
    return [
        f"The largest import cycle between modules and folders of {package} has {size} members; {ALLOWED} allows "
        f"{recorded.largest_cycle.get(package, 1)}. Move what both sides need to a lower layer, or register the "
        f"higher one through a Protocol. `{COMMAND} --json` lists the members."
        for package, size in measured.largest_cycle.items()
        if size > recorded.largest_cycle.get(package, 1)
    ]


def new_upward_imports(recorded: Limits, measured: Limits) -> list[str]:
    """Return the upward imports that are not recorded."""
    return [
        f"{importer} imports {imported} of a higher layer. Move the code to the layer that needs it, or define a "
        "Protocol in the lower layer and register the implementation at start-up (docs/decisions/0014). If the "
        f"module was only renamed, run `{COMMAND} --write-allowed`."
        for importer, imported in measured.upward
        if (importer, imported) not in set(recorded.upward)
    ]


def stale_entries(recorded: Limits, measured: Limits) -> list[str]:
    """Return the recorded violations that no longer exist."""
    remove = f"no longer exists. Run `{COMMAND} --write-allowed`, or remove this line from {ALLOWED}"
    imports = sorted(set(recorded.upward) - set(measured.upward))
    return [
        f'The upward import "{importer} -> {imported}" {remove} and from pyproject.toml.'
        for importer, imported in imports
    ]


def status_writers(paths: Iterable[str]) -> list[str]:
    """Return the files that write `jobs.status` and do not own it."""
    return [
        f"{path} writes jobs.status, which only {OWNER} may do. Add a named query to {OWNED_SQL} and a function that "
        "runs it there, and list what it changes in TRANSITIONS of status.py."
        for path in paths
    ]


def more_banned_words(recorded: Limits, measured: Limits) -> list[str]:
    """Return the packages with more banned words than recorded."""
    return [
        f"{package} contains {count} banned words; {ALLOWED} allows {recorded.banned_words.get(package, 0)}. Use the "
        f"standard terms of .ci/banned_words.py. `{COMMAND}` counts the words by folder."
        for package, count in measured.banned_words.items()
        if count > recorded.banned_words.get(package, 0)
    ]


def unmapped_entries(unmapped: Iterable[str]) -> list[str]:
    """Return the modules that belong to no layer."""
    return [f"{entry} belongs to no layer. Add it to LAYERS in .ci/structure.py." for entry in unmapped]


def hints(recorded: Limits, measured: Limits) -> list[str]:
    """Return the numbers that have dropped enough to be recorded; these are not failures."""
    dropped = [
        *_dropped("largest_cycle", recorded.largest_cycle, measured.largest_cycle, share=1.0),
        *_dropped("banned_words", recorded.banned_words, measured.banned_words, share=LARGE_DROP),
    ]
    return [f"{line} Lower the number in {ALLOWED}, or run `{COMMAND} --write-allowed`." for line in dropped]


def _dropped(
    name: str, recorded: Mapping[str, int], measured: Mapping[str, int], *, share: float
) -> list[str]:
    """Return a line for each number below the recorded one that is at most its given share."""
    return [
        f"{name} of {package} has fallen from {recorded[package]} to {number}."
        for package, number in ((package, measured.get(package, 1)) for package in recorded)
        if number < recorded[package] and number <= recorded[package] * share
    ]
