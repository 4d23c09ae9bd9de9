"""`/p/{project}/play/{skill}`: the playground, which runs a skill with several versions, models and prompts."""

from studio.pages.play.page import page
from studio.pages.play.state import Play

__all__ = ["Play", "page"]
