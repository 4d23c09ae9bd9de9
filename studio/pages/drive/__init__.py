"""`/p/{project}/drive`: the files of a project."""

from studio.pages.drive.page import page
from studio.pages.drive.state import Drive
from studio.pages.drive.views import Views

__all__ = ["Drive", "Views", "page"]
