"""`/p/{project}/api`: how each skill is called from code, with the project's own names, and tried at once."""

from studio.pages.reference.page import Reference, page

__all__ = ["Reference", "page"]
