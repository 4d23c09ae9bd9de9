"""`/_components`: every component of the studio in every state, for whoever builds pages or judges how they look."""

from studio.pages.gallery.page import Gallery, page

__all__ = ["Gallery", "page"]
