"""The chart of N5: the time of each operation in databases of increasing size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

FIGURE: Final = Path(__file__).parent / "growth.svg"
LINEAR_UP_TO: Final = 10_000
"""The horizontal axis is linear up to this number of jobs, so that it can begin with an empty database."""


def draw(finished: Sequence[int], times_ms: Mapping[str, Sequence[tuple[float, float]]]) -> None:
    """Draw p50 and p95 of each operation into a file of a few kilobytes.

    Args:
        finished: The numbers of finished jobs.
        times_ms: By operation, p50 and p95 for each of them.
    """
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "puras"})
    figure, axes = pyplot.subplots(figsize=(6, 3))
    for operation, values in times_ms.items():
        for at, (name, style) in enumerate((("p50", "--"), ("p95", "-"))):
            axes.plot(finished, [pair[at] for pair in values], style, marker="o", label=f"{operation} {name}")
    axes.set_xscale("symlog", linthresh=LINEAR_UP_TO)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("finished jobs (a tenth as many pending and as many future-dated)")
    axes.set_ylabel("ms")
    axes.legend()
    figure.tight_layout()
    figure.savefig(FIGURE, metadata={"Date": None})
