"""Compare the measured structure with the recorded one; each function returns one message for each problem."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from job_status import OWNED_SQL, OWNER
from structure import Limits

COMMAND: Final = ".venv/bin/python .ci/structure.py"
ALLOWED: Final = "tests/unit/structure/allowed.toml"


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


def more_javascript(recorded: Limits, measured: Limits) -> list[str]:
    """Return whether there is more JavaScript than recorded."""
    lines, limit = measured.javascript_lines, recorded.javascript_lines
    if lines <= limit:
        return []
    return [
        f"assets/ui has {lines:,} lines of JavaScript; {ALLOWED} allows {limit:,}. Write new widgets in TypeScript "
        "(.ts, .tsx), or convert the files that you extend (docs/decisions/0026)."
    ]


def status_writers(paths: Iterable[str]) -> list[str]:
    """Return the files that write `jobs.status` and do not own it."""
    return [
        f"{path} writes jobs.status, which only {OWNER} may do. Add a named query to {OWNED_SQL} and a function that "
        "runs it there, and list what it changes in TRANSITIONS of status.py."
        for path in paths
    ]


def unmapped_entries(unmapped: Iterable[str]) -> list[str]:
    """Return the modules that belong to no layer."""
    return [f"{entry} belongs to no layer. Add it to LAYERS in .ci/structure.py." for entry in unmapped]


def hints(recorded: Limits, measured: Limits) -> list[str]:
    """Return the cycles that have become smaller than recorded; these are not failures."""
    fewer = recorded.javascript_lines - measured.javascript_lines
    javascript = [f"assets/ui has {fewer:,} fewer lines of JavaScript. Run `{COMMAND} --write-allowed`."]
    return (javascript if fewer > 0 else []) + [
        f"largest_cycle of {package} has fallen from {size} to {measured.largest_cycle.get(package, 1)}. Lower the "
        f"number in {ALLOWED}, or run `{COMMAND} --write-allowed`."
        for package, size in recorded.largest_cycle.items()
        if measured.largest_cycle.get(package, 1) < size
    ]
