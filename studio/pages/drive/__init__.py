"""`/p/{project}/drive`: the files of a project."""

from studio.pages.drive.page import page
from studio.pages.drive.state import Drive

__all__ = ["Drive", "page"]
