"""The page `/p/{project}/memory`: the memory records of a project; the list, and one record."""

from studio.pages.memory.page import page
from studio.pages.memory.state import MemoryPage
from studio.pages.memory.views import Views

__all__ = ["MemoryPage", "Views", "page"]
