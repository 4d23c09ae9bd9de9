"""A double that implements the queue API of fal.ai over a socket, as its documentation describes it."""

from tests.doubles.fal.server import FalServer, Made, Wish

__all__ = ["FalServer", "Made", "Wish"]
