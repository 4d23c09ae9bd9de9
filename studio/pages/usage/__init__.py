"""`/p/{project}/usage`: what the project has, spends and may spend."""

from studio.pages.usage.page import Usage, page

__all__ = ["Usage", "page"]
