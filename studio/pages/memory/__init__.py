"""The page `/p/{project}/memory`: the memory records of a project; the list, and one record."""

from studio.pages.memory.page import MemoryPage, page

__all__ = ["MemoryPage", "page"]
