"""`/p/{project}/api`: the API reference of the project's skills, with code snippets and a form to run each skill."""

from studio.pages.reference.page import Reference, page

__all__ = ["Reference", "page"]
