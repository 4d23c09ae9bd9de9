"""`/p/{project}/settings/{section}`: the project, who is in it, what it may do and what it tells; each in a module."""

from studio.pages.settings.page import Settings, page

__all__ = ["Settings", "page"]
