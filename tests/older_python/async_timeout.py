"""Stands in for the package that the Redis client wants on Python before 3.11.3, when another user has only that."""

from asyncio import timeout

__all__ = ["timeout"]
