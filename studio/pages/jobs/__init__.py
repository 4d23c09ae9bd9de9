"""`/p/{project}/jobs`: the live list of the jobs of a project, and the comparison of two of them."""

from studio.pages.jobs.bars import Day
from studio.pages.jobs.compare import Comparison
from studio.pages.jobs.failures import Failures
from studio.pages.jobs.page import page
from studio.pages.jobs.state import Jobs
from studio.pages.jobs.views import Views

__all__ = ["Comparison", "Day", "Failures", "Jobs", "Views", "page"]
