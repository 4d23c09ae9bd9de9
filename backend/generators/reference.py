"""Write the generated pages of `docs/`: `python -m backend.generators.reference`."""

from __future__ import annotations

import sys

from backend.docs_site.pages import FOLDER
from backend.generators import (
    error_page,
    event_page,
    flow_page,
    job_error_page,
    job_page,
    permission_page,
    rest_pages,
    skill_page,
)


def main() -> int:
    """Write the pages."""
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


def pages() -> dict[str, str]:
    """Return the texts of the pages, by the names of their files."""
    return {
        **rest_pages.pages(),
        "reference/errors.md": error_page.page(),
        "reference/events.md": event_page.page(),
        "reference/flow-yaml.md": flow_page.page(),
        "reference/job-errors.md": job_error_page.page(),
        "reference/job-statuses.md": job_page.page(),
        "reference/permissions.md": permission_page.page(),
        "reference/skill-yaml.md": skill_page.page(),
    }


if __name__ == "__main__":
    sys.exit(main())
