"""`/p/{project}/prompts`: the versions of the prompt of an agent, with their labels, numbers and differences."""

from studio.pages.prompts.page import page
from studio.pages.prompts.state import Prompts

__all__ = ["Prompts", "page"]
