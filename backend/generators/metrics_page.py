"""Write the table of exported metrics into `docs/guides/observability.md`.

Run it with `python -m backend.generators.metrics_page`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from backend.administration.monitoring import queue_state
from backend.administration.monitoring.api import BUILD
from backend.core.metrics import instruments
from backend.core.metrics.instruments import Exported

PAGE: Final = Path(__file__).parents[2] / "docs" / "guides" / "observability.md"
BEGIN: Final = "<!-- metrics: written by `python -m backend.generators.metrics_page` -->\n"
END: Final = "<!-- /metrics -->\n"
_HEAD: Final = "| Metric | Kind | Labels | Meaning |\n|---|---|---|---|\n"


def exported() -> list[Exported]:
    """Return every metric of `/metrics`, by name."""
    return sorted([*instruments.COUNTED, *queue_state.READ, BUILD])


def table() -> str:
    """Return the text of the table."""
    return _HEAD + "".join(
        f"| `{one.name}` | {one.kind} | {', '.join(f'`{label}`' for label in one.labels)} | {one.meaning} |\n"
        for one in exported()
    )


def page(text: str) -> str:
    """Return the page with an updated table."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE.name} must contain the lines {BEGIN!r} and {END!r} around the table.")
    return before + BEGIN + table() + END + after


def main() -> int:
    """Write the table into the page."""
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
