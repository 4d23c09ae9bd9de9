"""`/p/{project}/chat`: conversations with the agents of a project."""

from studio.pages.chat.page import page
from studio.pages.chat.state import Chats

__all__ = ["Chats", "page"]
