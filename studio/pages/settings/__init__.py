"""`/p/{project}/settings/{section}`: the settings of a project, with one module per section."""

from studio.pages.settings.page import Settings, page

__all__ = ["Settings", "page"]
