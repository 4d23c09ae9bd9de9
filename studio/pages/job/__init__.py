"""The page of one job, with its tabs."""

from __future__ import annotations

from studio.pages.job.page import page
from studio.pages.job.state import JobPage

__all__ = ["JobPage", "page"]
