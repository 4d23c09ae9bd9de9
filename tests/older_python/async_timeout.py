"""Replacement of the package that the Redis client needs on Python before 3.11.3, for users who have only that."""

from asyncio import timeout

__all__ = ["timeout"]
