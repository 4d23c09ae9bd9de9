"""`/p/{project}/memory`: what jobs and people have remembered; the list, and one record."""

from studio.pages.memory.page import Remembered, page

__all__ = ["Remembered", "page"]
