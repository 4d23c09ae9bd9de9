"""`/p/{project}/evals`: the evals of the skills of a skillpack."""

from studio.pages.evals.page import page
from studio.pages.evals.state import Evals
from studio.pages.evals.views import Views

__all__ = ["Evals", "Views", "page"]
