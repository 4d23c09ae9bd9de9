"""`/p/{project}/annotation`: the annotation queues of a project, and the page on which jobs of one are reviewed."""

from studio.pages.annotation.queues import Queues
from studio.pages.annotation.queues import page as queues_page
from studio.pages.annotation.review_page import page as review_page
from studio.pages.annotation.review_state import Review

__all__ = ["Queues", "Review", "queues_page", "review_page"]
