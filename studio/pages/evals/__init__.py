"""`/p/{project}/evals`: the evals of the skills of a skillpack."""

from studio.pages.evals.page import page
from studio.pages.evals.state import Evals

__all__ = ["Evals", "page"]
