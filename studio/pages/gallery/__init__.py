"""The page `/_components`: every component of the studio in every state, for developers of pages."""

from studio.pages.gallery.page import Gallery, page

__all__ = ["Gallery", "page"]
