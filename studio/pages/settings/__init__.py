"""`/p/{project}/settings`: the project itself, its members, its keys, its limits; each a tab of its own module."""

from studio.pages.settings.page import Settings, page

__all__ = ["Settings", "page"]
