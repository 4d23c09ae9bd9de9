"""Fixtures for the REST application and its callers, shared with the authentication tests."""

from tests.integration.auth.conftest import client, world

__all__ = ["client", "world"]
