"""`/p/{project}/approvals`: all calls and steps of the project that wait for the decision of a user."""

from studio.pages.approvals.page import page
from studio.pages.approvals.state import Inbox

__all__ = ["Inbox", "page"]
