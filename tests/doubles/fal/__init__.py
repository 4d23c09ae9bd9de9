"""A server that speaks the queue API of fal.ai as its documentation has it, over a socket."""

from tests.doubles.fal.server import FalServer, Made, Wish

__all__ = ["FalServer", "Made", "Wish"]
